package pki

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Entry is what a file holds; of keys, no more than whether they are well kept.
type Entry struct {
	Path    string    `json:"path"`
	Kind    string    `json:"kind"` // authority, server, client, server and client, key, shared keys
	Subject string    `json:"subject,omitempty"`
	Names   []string  `json:"names,omitempty"`
	Expires time.Time `json:"expires,omitzero"`
	Users   []string  `json:"users,omitempty"`
	Wrong   []string  `json:"wrong,omitempty"` // what is to be mended
	cert    *x509.Certificate
}

// largest is far more than any file here has: a folder that was mistyped is not read into memory.
const largest = 1 << 20

// Show tells of every certificate, key and list of shared keys under a folder. What expires within soon is wrong.
func Show(dir string, now time.Time, soon time.Duration) ([]Entry, error) {
	var all []Entry
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := os.Stat(path) // what a link leads to
		name := filepath.Base(path)
		if err != nil || !info.Mode().IsRegular() || name == DHFile || filepath.Ext(name) != ".pem" && name != PSKFile {
			return nil
		}
		e := Entry{Path: path}
		var text []byte
		if info.Size() <= largest {
			text, err = os.ReadFile(path)
		} else {
			err = fmt.Errorf("it is too large for one")
		}
		if err != nil {
			e.Kind, e.Wrong = "unknown", []string{err.Error()}
		} else {
			e.read(name, text, now, soon)
		}
		if e.Kind == "key" || e.Kind == "shared keys" {
			if open := info.Mode().Perm() & 0o037; open != 0 {
				e.Wrong = append(e.Wrong, fmt.Sprintf("mode %04o lets others read or change it: chmod 600", info.Mode().Perm()))
			}
		}
		if e.Kind == "key" {
			e.belongs(text)
		}
		all = append(all, e)
		return nil
	})
	trust(all)
	return all, err
}

func (e *Entry) read(name string, text []byte, now time.Time, soon time.Duration) {
	if name == PSKFile {
		users, err := PSKUsers(text)
		e.Kind, e.Users = "shared keys", users
		if err != nil {
			e.Wrong = append(e.Wrong, err.Error())
		}
		return
	}
	if bytes.Contains(text, []byte("PRIVATE KEY-----")) {
		e.Kind = "key"
		if b, _ := pem.Decode(text); b == nil {
			e.Wrong = append(e.Wrong, "it is not a key in PEM")
		}
		return
	}
	certs, err := Certificates(text)
	if err != nil {
		e.Kind, e.Wrong = "unknown", []string{err.Error()}
		return
	}
	c := certs[0]
	e.cert = c
	e.Kind, e.Subject, e.Expires = kind(c), DN(c), c.NotAfter
	e.Names = append(e.Names, c.DNSNames...)
	for _, ip := range c.IPAddresses {
		e.Names = append(e.Names, ip.String())
	}
	switch {
	case now.After(c.NotAfter):
		e.Wrong = append(e.Wrong, "it has expired: walm pki renew")
	case now.Add(soon).After(c.NotAfter):
		e.Wrong = append(e.Wrong, "it expires soon: walm pki renew")
	case now.Before(c.NotBefore):
		e.Wrong = append(e.Wrong, "it is not valid before "+c.NotBefore.Format(time.RFC3339)+": is this host's clock right?")
	}
}

// belongs compares a key with its certificate, which lies beside it or, with libvirt's names, one folder up.
func (e *Entry) belongs(key []byte) {
	dir, name := filepath.Split(e.Path)
	name = strings.TrimSuffix(name, "key.pem") + "cert.pem"
	for _, beside := range []string{filepath.Join(dir, name), filepath.Join(dir, "..", name)} {
		cert, err := os.ReadFile(beside)
		if err != nil {
			continue
		}
		if _, err := tls.X509KeyPair(cert, key); err != nil {
			e.Wrong = append(e.Wrong, "it is not the key of "+beside)
		}
		return
	}
}

func kind(c *x509.Certificate) string {
	var uses []string
	for _, u := range c.ExtKeyUsage {
		switch u {
		case x509.ExtKeyUsageServerAuth:
			uses = append(uses, string(Server))
		case x509.ExtKeyUsageClientAuth:
			uses = append(uses, string(Client))
		}
	}
	switch {
	case c.IsCA:
		return "authority"
	case len(uses) == 0:
		return "of unknown use"
	}
	return strings.Join(uses, " and ")
}

// DN is a certificate's name as QEMU and libvirt compare it with what they were told to allow.
func DN(c *x509.Certificate) string { return c.Subject.String() }

// trust says of each certificate whether an authority of the same folder signed it, where there is one.
func trust(all []Entry) {
	var authorities []*x509.Certificate
	for _, e := range all {
		if e.cert != nil && e.cert.IsCA {
			authorities = append(authorities, e.cert)
		}
	}
	for i, e := range all {
		if e.cert == nil || e.cert.IsCA || len(authorities) == 0 {
			continue
		}
		if !slices.ContainsFunc(authorities, func(ca *x509.Certificate) bool { return e.cert.CheckSignatureFrom(ca) == nil }) {
			all[i].Wrong = append(e.Wrong, "no authority in this folder has signed it")
		}
	}
}
