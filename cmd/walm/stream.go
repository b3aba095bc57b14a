package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"

	"github.com/spf13/pflag"

	"walm/hypervisor/libvirt/virsh"
	"walm/hypervisor/qemu"
)

// stream says how the VM's memory is protected on its way. Between hosts it is encrypted unless its owner says otherwise.
type stream struct {
	kind        qemu.TLSKind // empty: what the hosts need
	dir, dirTo  string
	name, allow string
	insecure    bool
}

func (s *stream) flags(fs *pflag.FlagSet) {
	parsed(fs, &s.kind, "tls", "KIND", "", "encrypt the memory on its way: x509, by certificates, or without libvirt psk, by a shared key\n"+
		"(default between hosts: x509; on one machine: neither)", tlsKind)
	fs.Lookup("tls").NoOptDefVal = string(qemu.X509)
	fs.StringVar(&s.name, "tls-destination", "", "name in the destination's certificate (default: the host that the source connects to)")
	fs.StringVar(&s.dir, "tls-dir", "", "without libvirt: folder of the files on both hosts (default: "+qemu.TLSDir+")")
	fs.StringVar(&s.dirTo, "tls-dir-to", "", "without libvirt: folder on the destination, where it is another")
	fs.StringVar(&s.allow, "tls-allow", "", "without libvirt: take no source but the one whose certificate has this name, such as CN=alpha")
	fs.BoolVar(&s.insecure, "insecure-stream", false, "move between hosts also where others on the network can read and change the memory")
}

func tlsKind(s string) (qemu.TLSKind, error) {
	if k := qemu.TLSKind(s); k == qemu.X509 || k == qemu.PSK {
		return k, nil
	}
	return "", fmt.Errorf("%q is not x509 or psk", s)
}

func (s *stream) check() error {
	named := s.dir != "" || s.dirTo != "" || s.allow != ""
	switch {
	case s.insecure && (s.kind != "" || named || s.name != ""):
		return errors.New("--insecure-stream and --tls exclude each other")
	case s.kind == qemu.PSK && (s.allow != "" || s.name != ""):
		return errors.New("--tls-allow and --tls-destination are for certificates: leave them out with --tls=psk")
	case s.kind == "" && named:
		s.kind = qemu.X509
	}
	return nil
}

// encrypt sets how a pair's stream is protected, and says so where it was not asked for.
func (s *stream) encrypt(ctx context.Context, pair *qemu.Pair) (note string, err error) {
	kind := s.kind
	if kind == "" {
		why, err := pair.Apart(ctx)
		if err != nil || why == "" {
			return "", err
		}
		if s.insecure {
			return "the stream between the hosts is not encrypted, as asked for: whoever is on the network can read and change the VM's memory", nil
		}
		if set, err := pair.Encrypted(ctx); set || err != nil {
			return "the stream is encrypted as the QEMUs' own settings say", err
		}
		kind, note = qemu.X509, "the stream is encrypted, since "+why
	}
	dir := cmp.Or(s.dir, qemu.TLSDir)
	pair.TLS = &qemu.TLS{Kind: kind, Source: dir, Destination: cmp.Or(s.dirTo, dir), Name: s.name, Allow: s.allow}
	return note, nil
}

// encryptDomain has a domain move as a line says, encrypted between hosts unless its owner says otherwise. A virsh line
// means what it says, so that one without --tls is refused and not changed.
func (s *stream) encryptDomain(line *virsh.Line, from string, verbatim bool) (note string, err error) {
	if s.kind == qemu.PSK || s.dir != "" || s.dirTo != "" || s.allow != "" {
		return "", errors.New("libvirt knows certificates alone, in folders of its own configuration: for a domain give --tls, and" +
			" leave --tls=psk, --tls-dir, --tls-dir-to and --tls-allow out")
	}
	// The source's libvirt is given this URI as it is, and it is shown and kept.
	if u, err := url.Parse(line.Destination); err == nil {
		if _, secret := u.User.Password(); secret {
			return "", fmt.Errorf("the URI of the destination, %s, has a password, which everybody would see: leave it out", u.Redacted())
		}
	}
	elsewhere := cmp.Or(otherHost(line.Destination), otherHost(from))
	switch {
	case line.TLS && s.insecure:
		return "", errors.New("--insecure-stream and --tls exclude each other")
	case line.TLS || elsewhere == "":
		return "", nil
	case s.insecure:
		return "the stream to " + elsewhere + " is not encrypted, as asked for: whoever is on the network can read and change the domain's memory", nil
	case verbatim:
		return "", fail(exitRefused, "nothing was moved: the virsh line has no --tls, and would send the domain's memory to %s for others on the"+
			" network to read and change; write --tls into it (walm pki makes the certificates), or give --insecure-stream", elsewhere)
	}
	line.TLS = true
	return "the stream to " + elsewhere + " is encrypted (--tls); --insecure-stream would leave it plain", nil
}

// otherHost is the host that a URI names, empty where it is this one.
func otherHost(uri string) string {
	u, err := url.Parse(uri)
	if err != nil {
		return ""
	}
	host := u.Hostname()
	if ip := net.ParseIP(host); host == "localhost" || ip != nil && ip.IsLoopback() {
		return ""
	}
	return host
}
