package libvirtd

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"time"

	"walm/pki"
)

// certify gives each host what libvirt and QEMU expect, and this machine a client's certificate, as walm pki does.
func (l *Lab) certify() error {
	store, now := pki.Store{Dir: filepath.Join(l.dir(), "pki")}, time.Now()
	if _, err := store.Init("walm's lab", now, 24*time.Hour); err != nil {
		return err
	}
	for _, h := range l.hosts {
		name := "host-" + string(h.Side)
		if err := store.IssueHost(name, []string{name}, []net.IP{net.ParseIP(h.addr)}, "", now, 24*time.Hour); err != nil {
			return err
		}
		own := filepath.Join(h.dir, "pki") // its /etc/pki
		if err := errors.Join(os.RemoveAll(own), os.Rename(filepath.Join(store.Host(name), "etc/pki"), own)); err != nil {
			return err
		}
	}
	return store.IssueClient(client, now, 24*time.Hour)
}

const client = "walm"

// PKI is the folder of this machine's certificates, for a URI's pkipath.
func (l *Lab) PKI() string { return pki.Store{Dir: filepath.Join(l.dir(), "pki")}.Client(client) }
