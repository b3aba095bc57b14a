package pki

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
)

// File is a file to be put under a folder.
type File struct {
	Path string // relative to the folder
	Data []byte
	Mode fs.FileMode
	QEMU bool // QEMU's own user is to read it, which may not be root
}

const (
	public fs.FileMode = 0o644
	secret fs.FileMode = 0o600
)

// ofQEMU is the folder in which libvirt, and walm, look for QEMU's files.
const ofQEMU = "etc/pki/qemu"

// HostFiles are a host's, relative to its root: where libvirt's daemon, its clients and QEMU look by themselves. psk may be
// empty.
func HostFiles(ca []byte, server, client Pair, psk []byte) []File {
	all := append(QEMUFiles(ca, server, client, psk),
		File{Path: "etc/pki/CA/cacert.pem", Data: ca, Mode: public},
		File{Path: "etc/pki/libvirt/servercert.pem", Data: server.Cert, Mode: public},
		File{Path: "etc/pki/libvirt/private/serverkey.pem", Data: server.Key, Mode: secret},
		File{Path: "etc/pki/libvirt/clientcert.pem", Data: client.Cert, Mode: public},
		File{Path: "etc/pki/libvirt/private/clientkey.pem", Data: client.Key, Mode: secret})
	for i := range all[:len(all)-5] {
		all[i].Path = filepath.Join(ofQEMU, all[i].Path)
	}
	return all
}

// QEMUFiles are those of one folder as QEMU's tls-creds-x509 and tls-creds-psk take it.
func QEMUFiles(ca []byte, server, client Pair, psk []byte) []File {
	all := []File{
		{"ca-cert.pem", ca, public, true},
		{"server-cert.pem", server.Cert, public, true},
		{"server-key.pem", server.Key, secret, true},
		{"client-cert.pem", client.Cert, public, true},
		{"client-key.pem", client.Key, secret, true},
		{DHFile, dhParams(), public, true},
	}
	if len(psk) > 0 {
		all = append(all, File{PSKFile, psk, secret, true})
	}
	return all
}

// PSKFile is the name that QEMU expects.
const PSKFile = "keys.psk"

// ClientFiles are those of a user of libvirt, as ~/.pki/libvirt or a URI's pkipath has them.
func ClientFiles(ca []byte, client Pair) []File {
	return []File{{"cacert.pem", ca, public, false}, {"clientcert.pem", client.Cert, public, false},
		{"clientkey.pem", client.Key, secret, false}}
}

// Write puts files under a folder, each whole or not at all. group, where it is given, may read QEMU's secrets too.
func Write(dir, group string, files []File) error {
	gid := -1
	if group != "" {
		g, err := user.LookupGroup(group)
		if err != nil {
			return fmt.Errorf("find the group that QEMU runs in: %w", err)
		}
		if gid, err = strconv.Atoi(g.Gid); err != nil {
			return err
		}
	}
	for _, f := range files {
		path := filepath.Join(dir, f.Path)
		folder := fs.FileMode(0o755)
		if f.Mode == secret && !f.QEMU {
			folder = 0o700
		}
		if err := os.MkdirAll(filepath.Dir(path), folder); err != nil {
			return err
		}
		mode, owner := f.Mode, -1
		if mode == secret && f.QEMU && gid >= 0 {
			mode, owner = 0o640, gid
		}
		if err := replace(path, f.Data, mode, owner); err != nil {
			return fmt.Errorf("write %s: %w", path, err)
		}
	}
	return nil
}

// replace writes beside the file first: nobody ever reads half a key, and it never has a mode that is too open.
func replace(path string, data []byte, mode fs.FileMode, gid int) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".walm-*") // 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name())
		}
	}()
	_, err = f.Write(data)
	if err == nil && gid >= 0 {
		err = f.Chown(-1, gid)
	}
	if err == nil {
		err = f.Chmod(mode)
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
