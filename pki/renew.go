package pki

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Renewal says what Renew does.
type Renewal struct {
	Names        []string      // of hosts and clients; empty: all
	Before       time.Duration // those that expire sooner
	Valid        time.Duration // of what is made
	AuthorityToo time.Duration // of an authority that expires before Before; 0: it is left
	Group        string
	All          bool // also those that would last longer
}

// Renew makes new certificates, with new keys and the same names, for those that expire soon, and gives the folders that
// changed.
func (s Store) Renew(r Renewal, now time.Time) (changed []string, err error) {
	a, err := s.Authority()
	if err != nil {
		return nil, err
	}
	all := false // a new certificate of the authority has to go everywhere
	if r.AuthorityToo > 0 && a.cert.NotAfter.Before(now.Add(r.Before)) {
		if a, err = a.Renewed(now, r.AuthorityToo); err != nil {
			return nil, err
		}
		if err := s.keep(a); err != nil {
			return nil, err
		}
		all, changed = true, []string{s.Dir}
	}
	for _, kind := range []struct{ folder, cert string }{{"hosts", ofQEMU + "/server-cert.pem"}, {"clients", "clientcert.pem"}} {
		entries, err := os.ReadDir(s.path(kind.folder))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return changed, err
		}
		for _, e := range entries {
			if len(r.Names) > 0 && !slices.Contains(r.Names, e.Name()) {
				continue
			}
			dir := s.path(kind.folder, e.Name())
			text, err := os.ReadFile(filepath.Join(dir, kind.cert))
			if err != nil {
				return changed, fmt.Errorf("renew %s: %w", e.Name(), err)
			}
			old, err := Certificates(text)
			if err != nil {
				return changed, fmt.Errorf("renew %s: %s: %w", e.Name(), kind.cert, err)
			}
			if !all && !r.All && old[0].NotAfter.After(now.Add(r.Before)) {
				continue
			}
			if kind.folder == "hosts" {
				err = s.IssueHost(e.Name(), old[0].DNSNames, old[0].IPAddresses, r.Group, now, r.Valid)
			} else {
				err = s.IssueClient(e.Name(), now, r.Valid)
			}
			if err != nil {
				return changed, fmt.Errorf("renew %s: %w", e.Name(), err)
			}
			changed = append(changed, dir)
		}
	}
	for _, name := range r.Names {
		if !slices.ContainsFunc([]string{s.Host(name), s.Client(name)}, func(dir string) bool { _, err := os.Stat(dir); return err == nil }) {
			return changed, fmt.Errorf("renew %s: it was never issued anything (walm pki issue %[1]s)", name)
		}
	}
	return changed, nil
}
