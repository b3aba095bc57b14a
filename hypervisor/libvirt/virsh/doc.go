// Package virsh reads "virsh migrate" command lines: what a line asks for, and what that is in walm's words. Pure.
//
// The options are those of libvirt 9.0 to 11.3 (virsh(1)); a line means here what libvirt would have done with it.
package virsh
