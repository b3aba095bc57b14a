// Package libvirtd makes two hosts with a libvirt each on this machine: the lab's network, an unpacked Debian with
// libvirtd and QEMU as each host's root, a domain with the lab's guest, and TLS material where it is asked for. Nothing is
// installed, and Down leaves nothing behind.
package libvirtd
