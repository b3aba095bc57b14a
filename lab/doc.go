// Package lab is real hosts on one machine: two QEMU hosts and a client, each in a network namespace of its own, joined
// by a shaped link, and a guest that tells what it does and can prove its memory. It moves that guest with the same
// code that moves a user's VM, and gives the move what no user's VM has: a witness on the other side.
package lab
