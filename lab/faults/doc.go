// Package faults breaks migrations on purpose: every phase of every method, every fault, on real QEMUs with a guest that
// can prove its memory. What became of the VM is found by looking at both QEMUs, their processes and the guest, never by
// asking walm, and is held against a table of what is expected. walm's word is held against what was found.
package faults
