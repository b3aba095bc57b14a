package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/pflag"

	"walm/hypervisor/libvirt/rpc"
	"walm/hypervisor/qemu"
)

// connection is the libvirt that a command is to ask.
type connection struct{ uri string }

// defaultURI is virsh's for root.
const defaultURI = "qemu:///system"

func (c *connection) flags(fs *pflag.FlagSet) {
	fs.StringVarP(&c.uri, "connect", "c", "",
		"libvirt of the VM's host: qemu:///system, qemu+ssh://HOST/system, qemu+tls://,\nqemu+tcp://, qemu+unix:///system?socket=PATH (default: $LIBVIRT_DEFAULT_URI\nor "+defaultURI+")")
}

func (c *connection) address() string {
	return cmp.Or(c.uri, os.Getenv("LIBVIRT_DEFAULT_URI"), defaultURI)
}

func (c *connection) dial(ctx context.Context) (*rpc.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, asked)
	defer cancel()
	conn, err := rpc.Dial(ctx, c.address())
	if err != nil && c.uri == "" && os.Getenv("LIBVIRT_DEFAULT_URI") != "" {
		err = fmt.Errorf("%w (the URI is from LIBVIRT_DEFAULT_URI)", err)
	}
	return conn, err
}

// bySocket says whether an argument names a VM by its QMP socket and not a domain of libvirt's: no domain's name has a slash.
// A connection that was asked for as well is an error.
func (c *connection) bySocket(vm string) (bool, error) {
	if !strings.Contains(vm, "/") {
		return false, nil
	}
	if c.uri != "" {
		return true, fmt.Errorf("%q is no domain of libvirt's: with --connect give a domain's name, id or UUID, or leave --connect out", vm)
	}
	if strings.Contains(vm, "://") && !strings.HasPrefix(vm, qemu.Scheme) {
		return true, fmt.Errorf("%q does not name a VM: name a domain and give the URI with --connect", vm)
	}
	return true, nil
}
