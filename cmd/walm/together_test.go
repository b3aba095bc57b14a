//go:build !lab

package main

// together is how many scripts run at once: they mostly wait, since a look at a VM takes 6.4 s.
const together = 32
