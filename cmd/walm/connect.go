package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"walm/hypervisor/libvirt/rpc"
	"walm/hypervisor/qemu"
	"walm/internal/nearest"
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

// domain finds a domain as virsh does: by id, by UUID, by name.
func domain(ctx context.Context, conn *rpc.Conn, name string) (rpc.Domain, error) {
	if id, err := strconv.ParseInt(name, 10, 32); err == nil && id >= 0 {
		if d, err := conn.ByID(ctx, int32(id)); !errors.Is(err, rpc.NoDomain) {
			return d, err
		}
	}
	if id, ok := parseUUID(name); ok {
		if d, err := conn.ByUUID(ctx, id); !errors.Is(err, rpc.NoDomain) {
			return d, err
		}
	}
	d, err := conn.ByName(ctx, name)
	if errors.Is(err, rpc.NoDomain) {
		return d, noDomain(ctx, conn, name)
	}
	return d, err
}

// parseUUID reads a UUID with or without its dashes, as libvirt does.
func parseUUID(s string) (rpc.UUID, bool) {
	var id rpc.UUID
	digits := strings.ReplaceAll(s, "-", "")
	if len(digits) != 2*len(id) {
		return id, false
	}
	for i := range id {
		b, err := strconv.ParseUint(digits[2*i:2*i+2], 16, 8)
		if err != nil {
			return id, false
		}
		id[i] = byte(b)
	}
	return id, true
}

// noDomain is the error for a name that nothing has, with those that come near it.
func noDomain(ctx context.Context, conn *rpc.Conn, name string) error {
	all, err := conn.Domains(ctx, 0)
	if err != nil {
		return fmt.Errorf("no domain %q; and list what there is: %w", name, err)
	}
	var names []string
	for _, d := range all {
		names = append(names, d.Name)
	}
	if near := nearest.To(name, names); len(near) > 0 {
		return fmt.Errorf("no domain %q; is %s meant?", name, strings.Join(near, " or "))
	}
	if len(names) == 0 {
		return fmt.Errorf("no domain %q, nor any other: is this the right host, and the right one of qemu:///system and qemu:///session?", name)
	}
	return fmt.Errorf("no domain %q among %d; walm list --all shows them", name, len(names))
}
