// Package rpc is a client of libvirt's remote protocol, for the procedures that walm needs: what runs on a host, what a
// domain is and does, migrations, events, and QEMU's monitor. It speaks to libvirtd, virtqemud and virtproxyd alike.
//
// The protocol is ONC-like: XDR (RFC 4506) in messages with a header of program, version, procedure, type, serial and
// status; libvirt keeps it compatible for good (docs/kbase/internals/rpc.rst, src/rpc/virnetprotocol.x,
// src/remote/remote_protocol.x, src/remote/qemu_protocol.x).
package rpc
