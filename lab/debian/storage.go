package debian

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Storage is what serves disks to the lab's hosts, in the cache: an NFS server, an iSCSI target, and QEMU's own tools.
type Storage struct {
	root string
}

const triplet = "x86_64-linux-gnu"

// Program is the path of one of its programs: "usr/bin/qemu-img", "usr/bin/ganesha.nfsd", "usr/sbin/tgtd".
func (s Storage) Program(name string) string { return filepath.Join(s.root, name) }

// Libraries is the folder of its libraries.
func (s Storage) Libraries() string { return filepath.Join(s.root, "usr/lib", triplet) }

// Env is what its programs need in their environment.
func (s Storage) Env() []string {
	return []string{"LD_LIBRARY_PATH=" + s.Libraries() + ":" + filepath.Join(s.root, "lib", triplet) + ":" +
		filepath.Join(s.root, "usr/lib/ganesha")}
}

// Storage fetches what serves disks when the cache lacks it.
func (c Cache) Storage(ctx context.Context, progress func(string)) (Storage, error) {
	err := c.fetch(ctx, bundle{
		name: "storage", suite: Bookworm, target: []string{"nfs-ganesha", "nfs-ganesha-vfs", "rpcbind", "tgt", "qemu-utils"},
		keep: storageNeeds, trim: trimStorage, check: checkStorage,
	}, progress)
	if err != nil {
		return Storage{}, fmt.Errorf("fetch what serves disks: %w", err)
	}
	root, _, ok := c.find("storage")
	if !ok {
		return Storage{}, fmt.Errorf("what serves disks has vanished from %s: something removed it; try again", c.Dir)
	}
	return Storage{root}, nil
}

func storageNeeds(name string) bool {
	for _, not := range []string{"libc6", "nfs-common", "keyutils", "sg3-utils", "libsgutils2", "libconfig-general-perl", "perl",
		"libperl", "passwd", "adduser", "python3", "libpython3", "dbus-", "systemd", "dmsetup", "init-system-helpers", "ucf"} {
		if name == not || strings.HasPrefix(name, not) && not != "libc6" {
			return false
		}
	}
	return true
}

func trimStorage(root string) error {
	return remove(root, []string{"usr/share/doc", "usr/share/man", "usr/share/locale", "etc/*", "var"},
		"etc/netconfig") // which the NFS server reads
}

// checkStorage starts a program of each, which fails when a library is missing.
func checkStorage(ctx context.Context, root string) (string, error) {
	s := Storage{root}
	for _, name := range []string{"usr/bin/ganesha.nfsd", "sbin/rpcbind", "usr/sbin/tgtd", "etc/netconfig"} {
		if _, err := os.Stat(s.Program(name)); err != nil {
			return "", err
		}
	}
	out, err := runQEMU(ctx, QEMU{Binary: s.Program("usr/bin/qemu-img"), Env: s.Env()}, "--version")
	if err != nil {
		return "", err
	}
	version, _, _ := strings.Cut(out, "\n")
	return version, nil
}

// Drivers are the block drivers for NFS and iSCSI that go with a version of QEMU, as modules.
func (c Cache) Drivers(ctx context.Context, suite Suite, progress func(string)) (dir string, err error) {
	name := "block-" + string(suite)
	err = c.fetch(ctx, bundle{
		name: name, suite: suite, target: []string{"qemu-block-extra"},
		keep: func(name string) bool {
			for _, p := range []string{"qemu-block-extra", "libnfs13", "libiscsi7", "libibverbs1", "librdmacm1", "libnl-3", "libnl-route-3"} {
				if strings.HasPrefix(name, p) {
					return true
				}
			}
			return false
		},
		trim: func(root string) error {
			return remove(root, []string{"usr/share", "etc", "usr/lib/" + triplet + "/qemu/block-*"},
				"usr/lib/"+triplet+"/qemu/block-nfs.so", "usr/lib/"+triplet+"/qemu/block-iscsi.so")
		},
		check: func(_ context.Context, root string) (string, error) {
			_, err := os.Stat(filepath.Join(root, "usr/lib", triplet, "qemu/block-nfs.so"))
			return string(suite), err
		},
	}, progress)
	if err != nil {
		return "", fmt.Errorf("fetch QEMU's drivers for shared disks: %w", err)
	}
	root, _, ok := c.find(name)
	if !ok {
		return "", fmt.Errorf("QEMU's drivers have vanished from %s: something removed them; try again", c.Dir)
	}
	return filepath.Join(root, "usr/lib", triplet), nil
}

// With adds block drivers to a QEMU.
func (q QEMU) With(drivers string) QEMU {
	env := []string{"QEMU_MODULE_DIR=" + filepath.Join(drivers, "qemu")}
	for _, e := range q.Env {
		if path, ok := strings.CutPrefix(e, "LD_LIBRARY_PATH="); ok {
			e = "LD_LIBRARY_PATH=" + path + ":" + drivers
		}
		env = append(env, e)
	}
	q.Env = env
	return q
}
