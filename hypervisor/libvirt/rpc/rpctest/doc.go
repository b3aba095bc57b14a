// Package rpctest plays libvirt's side of a connection for tests: a whole daemon with domains, jobs, events and
// migrations ([Listen]), one peer by hand that may answer late, wrongly, out of order or never ([Peer]), or the
// transcript of a real daemon ([Play]), which [Record] makes.
//
// It has an XDR of its own, so that a mistake in the client's is not made a second time here.
package rpctest
