package debian

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestCacheFor(t *testing.T) {
	for _, tt := range []struct {
		env  map[string]string
		uid  int
		want string
	}{
		{map[string]string{"WALM_CACHE": "/w", "XDG_CACHE_HOME": "/x", "HOME": "/h"}, 1000, "/w"},
		{map[string]string{"XDG_CACHE_HOME": "/x", "HOME": "/h"}, 1000, "/x/walm"},
		{map[string]string{"XDG_CACHE_HOME": "x", "HOME": "/h"}, 1000, "/h/.cache/walm"},
		{map[string]string{"HOME": "/root"}, 0, "/root/.cache/walm"},
		{nil, 0, "/var/cache/walm"},
		{nil, 1000, ""},
	} {
		c, err := cacheFor(func(k string) string { return tt.env[k] }, tt.uid)
		if c.Dir != tt.want || (err != nil) != (tt.want == "") {
			t.Errorf("%v, user %d: %q, %v; want %q", tt.env, tt.uid, c.Dir, err, tt.want)
		}
	}
}

// A folder without a whole manifest is not found, whatever else is in it.
func TestFind(t *testing.T) {
	c := Cache{t.TempDir()}
	root := filepath.Join(c.Dir, "qemu-bookworm")
	if _, ok := c.Have(Bookworm); ok {
		t.Error("found in an empty cache")
	}
	if err := os.Mkdir(root, 0o755); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]bool{"": false, `{"Version":"7.2`: false, "{}": false, `{"Version":"7.2.22"}`: true} {
		if err := os.WriteFile(filepath.Join(root, manifestName), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		q, ok := c.Have(Bookworm)
		if ok != want || (ok && (q.Version != "7.2.22" || !strings.HasPrefix(q.Binary, root))) {
			t.Errorf("with manifest %q: %+v, %t", text, q, ok)
		}
	}
}

func TestLock(t *testing.T) {
	c := Cache{t.TempDir()}
	unlock, err := c.lock(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	_, err = c.lock(ctx, func(string) { cancel() }) // told to wait, give up
	if !errors.Is(err, context.Canceled) {
		t.Errorf("locked twice: %v", err)
	}
	got := make(chan error)
	waits := make(chan bool, 1)
	go func() {
		unlock, err := c.lock(t.Context(), func(string) { waits <- true })
		if err == nil {
			unlock()
		}
		got <- err
	}()
	<-waits
	unlock()
	if err := <-got; err != nil {
		t.Errorf("after unlock: %v", err)
	}
}

func TestClean(t *testing.T) {
	c := Cache{t.TempDir()}
	for _, d := range []string{".new-1/root/usr", "kernel"} {
		if err := os.MkdirAll(filepath.Join(c.Dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.clean(); err != nil {
		t.Fatal(err)
	}
	if left, _ := os.ReadDir(c.Dir); len(left) != 1 || left[0].Name() != "kernel" {
		t.Errorf("left: %v", left)
	}
}

func TestOnBookworm(t *testing.T) {
	for _, tt := range []struct{ release, arch, says string }{
		{"PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nVERSION_ID=\"12\"\nID=debian\n", "amd64", ""},
		{"PRETTY_NAME=\"Debian GNU/Linux 13 (trixie)\"\nVERSION_ID=\"13\"\nID=debian\n", "amd64", "runs Debian GNU/Linux 13 (trixie)"},
		{"PRETTY_NAME='Fedora Linux 42'\nVERSION_ID=42\nID=fedora\n", "amd64", "runs Fedora Linux 42"},
		{"VERSION_ID=\"12\"\nID=debian\n", "arm64", "is arm64"},
	} {
		f := filepath.Join(t.TempDir(), "os-release")
		if err := os.WriteFile(f, []byte(tt.release), 0o644); err != nil {
			t.Fatal(err)
		}
		err := onBookworm(f, tt.arch)
		if (err == nil) != (tt.says == "") || err != nil && !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%q on %s: %v, want %q", tt.release, tt.arch, err, tt.says)
		}
	}
	if onBookworm(filepath.Join(t.TempDir(), "none"), "amd64") == nil {
		t.Error("no error without os-release")
	}
}

func TestRemove(t *testing.T) {
	root := t.TempDir()
	for _, f := range []string{"usr/bin/qemu-system-x86_64", "usr/bin/other", "usr/share/doc/x", "usr/share/qemu/bios.bin"} {
		if err := os.MkdirAll(filepath.Join(root, f), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := trimQEMU(root); err != nil {
		t.Fatal(err)
	}
	for f, want := range map[string]bool{
		"usr/bin/qemu-system-x86_64": true, "usr/bin/other": false, "usr/share/doc": false, "usr/share/qemu/bios.bin": true,
	} {
		if _, err := os.Stat(filepath.Join(root, f)); (err == nil) != want {
			t.Errorf("%s: %v", f, err)
		}
	}
}

// A tree with a C library of its own is started through its own dynamic linker; any other by the machine's.
func TestQEMUAt(t *testing.T) {
	root := t.TempDir()
	q := qemuAt(root, "7.2.22")
	if q.Binary != filepath.Join(root, "usr/bin/qemu-system-x86_64") || !strings.HasPrefix(q.Env[0], "LD_LIBRARY_PATH="+root) || q.Args[0] != "-L" {
		t.Errorf("%+v", q)
	}
	libraries := filepath.Join(root, "usr/lib", triplet)
	if err := os.MkdirAll(libraries, 0o755); err != nil {
		t.Fatal(err)
	}
	linker := filepath.Join(libraries, "ld-linux-x86-64.so.2")
	if err := os.WriteFile(linker, nil, 0o755); err != nil {
		t.Fatal(err)
	}
	own := qemuAt(root, "11.1.3")
	want := strings.Join([]string{"--library-path", libraries, "--argv0", q.Binary, q.Binary, q.Args[0]}, " ")
	if own.Binary != linker || !strings.HasPrefix(strings.Join(own.Args, " "), want) {
		t.Errorf("%+v", own)
	}
	if strings.Join(own.Env, " ") != "QEMU_MODULE_DIR="+filepath.Join(libraries, "qemu") {
		t.Errorf("a library of the tree would be loaded by every program that it starts: %q", own.Env)
	}
}
