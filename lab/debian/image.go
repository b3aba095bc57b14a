package debian

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"walm/lab/guest/load"
	"walm/vm"
)

// Image is a disk for guests in the cache: an ext4 filesystem with real programs, without a partition table, and behind
// it the region of the disk workload.
type Image struct {
	Path     string // of the raw image; never to be written to
	SHA256   string // of its bytes; the same packages give the same
	Packages int
}

const (
	imageName = "programs.ext4"
	imageSize = 1200 * vm.MiB // of the filesystem; the file is sparse, 300 MB of it are used
	imageRoom = 2 * vm.GiB    // while it is made
	imageUUID = "77616c6d-6c61-622d-7072-6f6772616d73"
)

// programs are the packages in the image.
func programs() []string {
	return []string{"sysbench", "stress-ng", "iperf3", "redis-server", "memcached", "postgresql", "postgresql-contrib",
		"python3-minimal", "gcc", "libc6-dev", "dash"}
}

// Image is the disk with real programs, made first when the cache lacks it: a download of some 100 MB.
func (c Cache) Image(ctx context.Context, progress func(string)) (Image, error) {
	err := c.fetch(ctx, bundle{
		name: "image", suite: Bookworm, target: programs(), bare: true, room: imageRoom,
		keep: imageNeeds, trim: trimImage, check: makeImage,
	}, progress)
	if err != nil {
		return Image{}, fmt.Errorf("make the guests' disk image: %w", err)
	}
	i, ok := c.HaveImage()
	if !ok {
		return Image{}, fmt.Errorf("the guests' disk image has vanished from %s: something removed it; try again", c.Dir)
	}
	return i, nil
}

// HaveImage is the image if the cache has it; it makes nothing.
func (c Cache) HaveImage() (Image, bool) {
	root, m, ok := c.find("image")
	if !ok {
		return Image{}, false
	}
	return Image{filepath.Join(root, imageName), m.Version, len(m.Packages)}, true
}

// imageNeeds drops what programs in a guest of the lab never use: package management, just-in-time compilation of
// queries, sanitizers, Perl scripts around databases.
func imageNeeds(name string) bool {
	for _, prefix := range []string{"libllvm", "libz3", "perl", "libperl", "dpkg", "apt", "locales", "libasan", "libtsan",
		"liblsan", "libubsan", "libhwasan", "libitm", "ssl-cert", "openssl", "debconf", "install-info", "sensible-utils", "ucf",
		"logrotate", "cron", "systemd", "libsystemd-shared", "lsb-base", "adduser", "passwd", "tzdata-legacy"} {
		if strings.HasPrefix(name, prefix) {
			return false
		}
	}
	return true
}

func trimImage(root string) error {
	return remove(root, []string{"usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/info", "usr/share/lintian",
		"usr/share/i18n", "usr/lib/postgresql/*/lib/bitcode", "usr/lib/x86_64-linux-gnu/gconv", "usr/lib/systemd", "lib/systemd",
		"usr/lib/gcc/x86_64-linux-gnu/*/lto1", "usr/lib/gcc/x86_64-linux-gnu/*/lto-wrapper", "var/cache", "var/lib/dpkg"})
}

// accounts are what the packages' installation scripts would have made: nobody runs them.
func accounts() map[string]string {
	return map[string]string{
		"etc/passwd":                 "root:x:0:0:root:/root:/bin/sh\npostgres:x:100:100::/var/lib/postgresql:/bin/sh\n",
		"etc/group":                  "root:x:0:\npostgres:x:100:\n",
		"etc/hosts":                  "127.0.0.1 localhost\n",
		"etc/nsswitch.conf":          "passwd: files\ngroup: files\nhosts: files\n",
		"usr/share/walm/job.py":      pythonJob,
		"usr/share/walm/unit.c":      compileUnit,
		"usr/share/walm/README.walm": "A disk for guests of walm's lab. Nothing was installed: packages were unpacked.\n",
	}
}

// makeImage turns the tree at root into a filesystem image, which takes its place, and returns its checksum.
func makeImage(ctx context.Context, root string) (string, error) {
	for _, tool := range []string{"mke2fs", "debugfs"} {
		if _, err := exec.LookPath(tool); err != nil {
			return "", fmt.Errorf("%s helps to make the filesystem and is not on this machine: install the package e2fsprogs", tool)
		}
	}
	if err := mergeUsr(root); err != nil {
		return "", err
	}
	for _, d := range []string{"proc", "sys", "dev", "tmp", "run", "root", "var/tmp", "var/lib/postgresql"} {
		if err := os.MkdirAll(filepath.Join(root, d), 0o755); err != nil {
			return "", err
		}
	}
	for name, text := range accounts() {
		path := filepath.Join(root, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.RemoveAll(path)); err != nil {
			return "", err
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return "", err
		}
	}
	files, err := settle(root)
	if err != nil {
		return "", err
	}
	image := root + ".ext4"
	cmd := exec.CommandContext(ctx, "mke2fs", "-q", "-t", "ext4", "-d", root, "-U", imageUUID, "-L", "walm-programs",
		"-b", "4096", "-m", "0", "-O", "^has_journal,^metadata_csum_seed",
		"-E", "hash_seed="+imageUUID+",root_owner=0:0,lazy_itable_init=0", image, fmt.Sprintf("%dk", imageSize/vm.KiB))
	cmd.Env = fakeTime()
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("mke2fs: %w: %s", err, strings.TrimSpace(string(out)))
	}
	if err := settleInodes(ctx, image, files); err != nil {
		return "", err
	}
	if err := os.Truncate(image, int64(imageSize+load.DiskRegion)); err != nil {
		return "", err
	}
	sum, err := sha256Of(image)
	if err != nil {
		return "", err
	}
	if err := errors.Join(os.RemoveAll(root), os.Mkdir(root, 0o755)); err != nil {
		return "", err
	}
	return sum, os.Rename(image, filepath.Join(root, imageName))
}

// epoch is the time of every file in the image, so that the same packages give the same bytes.
func epoch() time.Time { return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) }

// fakeTime has e2fsprogs take the epoch for the present.
func fakeTime() []string {
	return append(os.Environ(), fmt.Sprintf("E2FSPROGS_FAKE_TIME=%d", epoch().Unix()))
}

// mergeUsr moves what packages still ship in /bin, /sbin and /lib to where their programs look for it, as Debian's
// installer does.
func mergeUsr(root string) error {
	for _, d := range []string{"bin", "sbin", "lib", "lib64"} {
		from, to := filepath.Join(root, d), filepath.Join(root, "usr", d)
		if err := os.MkdirAll(to, 0o755); err != nil {
			return err
		}
		if err := moveInto(from, to); err != nil {
			return err
		}
		if err := errors.Join(os.RemoveAll(from), os.Symlink("usr/"+d, from)); err != nil {
			return err
		}
	}
	return nil
}

// moveInto moves what is in one folder into another, folder by folder where both have one.
func moveInto(from, to string) error {
	entries, err := os.ReadDir(from)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		a, b := filepath.Join(from, e.Name()), filepath.Join(to, e.Name())
		if info, err := os.Stat(b); err == nil && info.IsDir() && e.IsDir() {
			if err := moveInto(a, b); err != nil {
				return err
			}
			continue
		}
		if err := os.Rename(a, b); err != nil {
			return err
		}
	}
	return nil
}

// settle gives every file the same times, and counts them.
func settle(root string) (files int, err error) {
	var all []string
	if err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		all = append(all, path)
		return err
	}); err != nil {
		return 0, err
	}
	slices.Reverse(all) // folders after what is in them
	for _, path := range all {
		if err := lutimes(path, epoch()); err != nil {
			return 0, err
		}
	}
	return len(all), nil
}

// settleInodes sets the one time that mke2fs takes from the tree's inodes and nobody can set there: ctime. Inodes are
// given out in order, after those that ext4 keeps for itself.
func settleInodes(ctx context.Context, image string, files int) error {
	const reserved = 11
	var script strings.Builder
	for i := range files + reserved {
		fmt.Fprintf(&script, "set_inode_field <%d> ctime @%d\n", i+1, epoch().Unix())
	}
	cmd := exec.CommandContext(ctx, "debugfs", "-w", "-f", "-", image)
	cmd.Stdin, cmd.Env = strings.NewReader(script.String()), fakeTime()
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("debugfs: %w: %s", err, lastLines(string(out), 2))
	}
	return nil
}
