// Package vmhost makes hosts that are machines: each has a kernel and a clock of its own and can be switched off, and runs
// guests under real KVM. QEMU's TCG emulates AMD's SVM, so that kvm-amd.ko of Debian's kernel works in a guest of it, on any
// x86-64 host and slowly. A Pair joins two of them by lab/netlab; ssh leads into them, and lab.Hosts needs no more than that.
package vmhost
