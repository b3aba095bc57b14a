// Package preflight finds what makes a libvirt migration fail late, or go wrong, from what both hosts say of themselves
// and of the domain. Pure: whoever reaches the hosts asks them.
package preflight
