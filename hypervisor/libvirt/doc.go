// Package libvirt reaches VMs as domains of libvirt: what they are, where their memory is when they run on this host, and
// how a pair of hosts moves one of them. Nothing is asked of a domain's monitor unless its owner allows it: libvirt marks a
// domain as tainted for that.
package libvirt
