package debian

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"walm/vm"
)

// Cache is a folder with what was fetched. Any number of walms may use it at once.
type Cache struct{ Dir string }

// DefaultCache is $WALM_CACHE, else the folder walm in the user's cache, else, for root without a home, /var/cache/walm.
func DefaultCache() (Cache, error) { return cacheFor(os.Getenv, os.Getuid()) }

func cacheFor(env func(string) string, uid int) (Cache, error) {
	switch dir, xdg, home := env("WALM_CACHE"), env("XDG_CACHE_HOME"), env("HOME"); {
	case dir != "":
		abs, err := filepath.Abs(dir)
		return Cache{abs}, err
	case filepath.IsAbs(xdg): // a relative one is invalid and to be ignored (XDG base directory specification)
		return Cache{filepath.Join(xdg, "walm")}, nil
	case home != "":
		return Cache{filepath.Join(home, ".cache", "walm")}, nil
	case uid == 0:
		return Cache{"/var/cache/walm"}, nil
	}
	return Cache{}, errors.New("no folder to keep downloads in: set WALM_CACHE or HOME")
}

// Room is needed on the disk to fetch anything: package lists 30 MB, downloads 40 MB, unpacked and not yet trimmed 170 MB.
const Room = 300 * vm.MiB

// bundle is something to fetch: packages and what they need, unpacked into one folder of the cache.
type bundle struct {
	name   string // of the folder
	suite  Suite
	target []string // the packages
	bare   bool     // nothing counts as installed: the closure is a system of its own
	room   vm.Bytes // on the disk while it is made; 0: Room
	keep   func(name string) bool
	trim   func(root string) error
	check  func(ctx context.Context, root string) (version string, err error)
}

// manifest is kept in a bundle's folder. It is written last, so what has one is whole.
type manifest struct {
	Version  string
	Packages []packed
}

// packed is a package whose content is in the bundle; apt had checked it against the signed package lists.
type packed struct {
	debPackage
	SHA256 string
}

const manifestName = "walm.json"

func (c Cache) find(name string) (root string, m manifest, ok bool) {
	root = filepath.Join(c.Dir, name)
	text, err := os.ReadFile(filepath.Join(root, manifestName))
	if err != nil || json.Unmarshal(text, &m) != nil || m.Version == "" {
		return "", manifest{}, false
	}
	return root, m, true
}

// fetch makes sure that the cache has b. Unpacking happens under another name in the same folder, and the finished
// whole is renamed, so that nothing half-made is ever found.
func (c Cache) fetch(ctx context.Context, b bundle, progress func(string)) error {
	if _, _, ok := c.find(b.name); ok {
		return nil
	}
	if progress == nil {
		progress = func(string) {}
	}
	if err := Supported(); err != nil {
		return err
	}
	if err := os.MkdirAll(c.Dir, 0o755); err != nil {
		return fmt.Errorf("make the cache: %w: set WALM_CACHE to a folder that can be written", err)
	}
	unlock, err := c.lock(ctx, progress)
	if err != nil {
		return err
	}
	defer unlock()
	if _, _, ok := c.find(b.name); ok { // by whoever held the lock
		return nil
	}
	if err := c.clean(); err != nil {
		return err
	}
	if err := enoughRoom(c.Dir, max(b.room, Room)); err != nil {
		return err
	}
	work, err := os.MkdirTemp(c.Dir, ".new-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	root := filepath.Join(work, "root")
	if err := c.build(ctx, b, work, root, progress); err != nil {
		return err
	}
	final := filepath.Join(c.Dir, b.name)
	if err := os.RemoveAll(final); err != nil { // without a manifest, so worth nothing
		return err
	}
	return os.Rename(root, final)
}

func (c Cache) build(ctx context.Context, b bundle, work, root string, progress func(string)) error {
	debs := filepath.Join(work, "debs")
	for _, d := range []string{root, debs} {
		if err := os.Mkdir(d, 0o755); err != nil {
			return err
		}
	}
	a, err := newAPT(ctx, filepath.Join(work, "apt"), b.suite, b.bare)
	if err != nil {
		return err
	}
	progress("reading Debian's package lists")
	if err := a.update(ctx); err != nil {
		return err
	}
	all, err := a.closure(ctx, b.suite, b.target...)
	if err != nil {
		return err
	}
	var wanted []debPackage
	var size vm.Bytes
	for _, p := range all {
		if b.keep(p.Name) {
			wanted = append(wanted, p)
			size += p.Size
		}
	}
	progress(fmt.Sprintf("downloading %s and what it needs: %d packages, %v", strings.Join(b.target, ", "), len(wanted), size))
	if err := a.download(ctx, debs, wanted); err != nil {
		return err
	}
	progress("unpacking " + strings.Join(b.target, ", "))
	m := manifest{}
	for _, p := range wanted {
		deb, err := debFile(debs, p)
		if err != nil {
			return err
		}
		sum, err := sha256Of(deb)
		if err != nil {
			return err
		}
		if _, err := a.command(ctx, "dpkg-deb", "-x", deb, root).run(); err != nil {
			return err
		}
		m.Packages = append(m.Packages, packed{p, sum})
	}
	if err := b.trim(root); err != nil {
		return fmt.Errorf("remove what is not needed of %s: %w", b.name, err)
	}
	if m.Version, err = b.check(ctx, root); err != nil {
		return err
	}
	text, err := json.MarshalIndent(m, "", "\t")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(root, manifestName), append(text, '\n'), 0o644)
}

// debFile is p's file in dir. apt escapes file names in more than one way, so only the name's start is relied upon.
func debFile(dir string, p debPackage) (string, error) {
	found, err := filepath.Glob(filepath.Join(dir, p.Name+"_*.deb"))
	if err != nil || len(found) != 1 {
		return "", fmt.Errorf("apt left %d files of package %s instead of one", len(found), p.Name)
	}
	return found[0], nil
}

func sha256Of(file string) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// lock waits for the cache. The kernel drops the lock with its holder, so a killed walm leaves none behind.
func (c Cache) lock(ctx context.Context, progress func(string)) (unlock func(), err error) {
	f, err := os.OpenFile(filepath.Join(c.Dir, "lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("lock the cache: %w: set WALM_CACHE to a folder that can be written", err)
	}
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for told := false; ; told = true {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { f.Close() }, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			f.Close()
			return nil, fmt.Errorf("lock the cache %s: %w", c.Dir, err)
		}
		if !told {
			progress("waiting for another walm that is fetching into " + c.Dir)
		}
		select {
		case <-ctx.Done():
			f.Close()
			return nil, fmt.Errorf("wait for another walm that is fetching into %s: %w", c.Dir, ctx.Err())
		case <-tick.C:
		}
	}
}

// clean removes what an interrupted walm left; the lock is held, so nobody is working on it.
func (c Cache) clean() error {
	left, err := filepath.Glob(filepath.Join(c.Dir, ".new-*"))
	if err != nil {
		return err
	}
	for _, l := range left {
		if err := os.RemoveAll(l); err != nil {
			return fmt.Errorf("remove what an interrupted walm left: %w", err)
		}
	}
	return nil
}

func enoughRoom(dir string, need vm.Bytes) error {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return fmt.Errorf("see how much room %s has: %w", dir, err)
	}
	if free := vm.Bytes(s.Bavail) * vm.Bytes(s.Bsize); free < need {
		return fmt.Errorf("%s has %v free and %v are needed: free some, or set WALM_CACHE to a folder with room",
			dir, free, need)
	}
	return nil
}

// Supported says what keeps this machine from running what is fetched; nil where nothing does.
func Supported() error { return onBookworm("/etc/os-release", runtime.GOARCH) }

// onBookworm says whether this machine can run what is fetched.
func onBookworm(osRelease, arch string) error {
	const need = "walm's lab takes QEMU and a kernel from Debian 12 (bookworm) on amd64"
	if arch != "amd64" {
		return fmt.Errorf("this machine is %s: %s", arch, need)
	}
	text, err := os.ReadFile(osRelease)
	if err != nil {
		return fmt.Errorf("find out which system this is: %w: %s", err, need)
	}
	fields := map[string]string{}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		fields[name] = strings.Trim(value, `"'`)
	}
	if fields["ID"] != "debian" || fields["VERSION_ID"] != "12" {
		return fmt.Errorf("this machine runs %s: %s; run it in a machine or container with that",
			fields["PRETTY_NAME"], need)
	}
	return nil
}
