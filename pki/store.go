package pki

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"time"
)

// Store is a folder with an authority and all that it has signed:
//
//	ca-cert.pem ca-key.pem keys.psk
//	hosts/NAME/etc/pki/…   to be copied to the host's root
//	clients/NAME/…         to be copied to a user's ~/.pki/libvirt
type Store struct{ Dir string }

func (s Store) path(names ...string) string {
	return filepath.Join(append([]string{s.Dir}, names...)...)
}

// Host is the folder with a host's files.
func (s Store) Host(name string) string { return s.path("hosts", name) }

// Client is the folder with a client's.
func (s Store) Client(name string) string { return s.path("clients", name) }

// ErrExists says that there is an authority already.
var ErrExists = errors.New("there is an authority already")

// Init makes the authority. One that is there stays: every host trusts it.
func (s Store) Init(name string, now time.Time, valid time.Duration) (*Authority, error) {
	if _, err := os.Lstat(s.path("ca-key.pem")); !errors.Is(err, fs.ErrNotExist) {
		return nil, errors.Join(fmt.Errorf("%s: %w", s.Dir, ErrExists), err)
	}
	a, err := NewAuthority(name, now, valid)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(s.Dir, 0o700); err != nil {
		return nil, err
	}
	return a, s.keep(a)
}

func (s Store) keep(a *Authority) error {
	p, err := a.Pair()
	if err != nil {
		return err
	}
	return Write(s.Dir, "", []File{{Path: "ca-key.pem", Data: p.Key, Mode: secret}, {Path: "ca-cert.pem", Data: p.Cert, Mode: public}})
}

// Authority reads it.
func (s Store) Authority() (*Authority, error) {
	var p Pair
	var err, other error
	p.Cert, err = os.ReadFile(s.path("ca-cert.pem"))
	p.Key, other = os.ReadFile(s.path("ca-key.pem"))
	if err := errors.Join(err, other); err != nil {
		return nil, fmt.Errorf("read the authority (walm pki init makes one): %w", err)
	}
	a, err := ReadAuthority(p)
	if err != nil {
		return nil, fmt.Errorf("read the authority in %s: %w", s.Dir, err)
	}
	return a, nil
}

// Share makes a new shared key, which hosts get with their next certificate.
func (s Store) Share(user string) error {
	line, err := NewPSK(user)
	if err != nil {
		return err
	}
	return Write(s.Dir, "", []File{{Path: PSKFile, Data: line, Mode: secret}})
}

// Shared says whether there is a shared key.
func (s Store) Shared() bool {
	_, err := os.Stat(s.path(PSKFile))
	return err == nil
}

var named = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]{0,62}[A-Za-z0-9])?$`)

// IssueHost makes a host's certificates, one as server and one as client, under the names and addresses it is reached by.
func (s Store) IssueHost(name string, dns []string, ips []net.IP, group string, now time.Time, valid time.Duration) error {
	if !named.MatchString(name) {
		return fmt.Errorf("%q is no host's name: it has letters, digits, dots and dashes", name)
	}
	a, err := s.Authority()
	if err != nil {
		return err
	}
	server, err := a.Sign(Request{Name: name, DNS: dns, IPs: ips, Use: Server, Valid: valid}, now)
	if err != nil {
		return err
	}
	client, err := a.Sign(Request{Name: name, DNS: dns, IPs: ips, Use: Client, Valid: valid}, now)
	if err != nil {
		return err
	}
	psk, err := os.ReadFile(s.path(PSKFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	own, err := a.Pair()
	if err != nil {
		return err
	}
	return Write(s.Host(name), group, HostFiles(own.Cert, server, client, psk))
}

// IssueClient makes a user's certificate.
func (s Store) IssueClient(name string, now time.Time, valid time.Duration) error {
	if !named.MatchString(name) {
		return fmt.Errorf("%q is no client's name: it has letters, digits, dots and dashes", name)
	}
	a, err := s.Authority()
	if err != nil {
		return err
	}
	client, err := a.Sign(Request{Name: name, Use: Client, Valid: valid}, now)
	if err != nil {
		return err
	}
	own, err := a.Pair()
	if err != nil {
		return err
	}
	return Write(s.Client(name), "", ClientFiles(own.Cert, client))
}
