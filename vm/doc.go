// Package vm is the vocabulary that every other package speaks: what a VM is, what was seen of it, how it can be
// moved, and what is told while it moves. Units live in the types; there is no behaviour beyond arithmetic.
package vm
