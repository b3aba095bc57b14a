// Package observe finds out what a VM is doing: which share of its memory it writes within which time, what it uses
// of CPU and network. It looks from outside, at the memory of the hypervisor's process, or asks the hypervisor.
//
// Both ways see content, not writes: a page rewritten with what it held, or changed and changed back between two
// readings, is missed, though a migration would send it again. A dirty curve from here is therefore a lower bound
// that the real dirty counts of a running migration correct.
package observe
