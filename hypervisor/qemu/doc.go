// Package qemu reaches VMs as QEMU processes by their QMP sockets: what they are and can do, where their memory is, and
// how a pair of them moves a VM. What a QEMU can do is asked, never read off its version.
package qemu
