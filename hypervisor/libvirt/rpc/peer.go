package rpc

import (
	"context"
	"net"

	"golang.org/x/sys/unix"
)

// Peer is the process that listens at the other end of a UNIX socket, 0 of any other connection. Where systemd made the
// socket it is systemd, which lives in the same namespaces.
func (c *Conn) Peer() int {
	u, ok := c.conn.(*net.UnixConn)
	if !ok {
		return 0
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return 0
	}
	var cred *unix.Ucred
	if raw.Control(func(fd uintptr) { cred, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) }) != nil || err != nil {
		return 0
	}
	return int(cred.Pid)
}

// Procedures that put a domain's state into a file and take it from there (enum remote_procedure).
const (
	procDestroy      = 12
	procSaveFlags    = 232
	procRestoreFlags = 233
)

const savePaused = 1 << 2 // VIR_DOMAIN_SAVE_PAUSED

// Save writes a running domain's state into a file of its host's, and ends it.
func (c *Conn) Save(ctx context.Context, d Domain, file string) error {
	return c.do(ctx, procSaveFlags, new(encoder).domain(d).string(file).absent().u32(0))
}

// Restore starts a domain from such a file, and leaves it paused.
func (c *Conn) Restore(ctx context.Context, file string) error {
	return c.do(ctx, procRestoreFlags, new(encoder).string(file).absent().u32(savePaused))
}

// Destroy ends a domain at once, as pulling the plug does.
func (c *Conn) Destroy(ctx context.Context, d Domain) error {
	return c.do(ctx, procDestroy, new(encoder).domain(d))
}
