// Package pki makes what encrypted migrations trust: an authority, certificates of hosts and clients under the names and in
// the folders where QEMU and libvirt look for them, and keys shared beforehand.
package pki
