//go:build lab

package doctor

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"walm/hypervisor/qemu"
	"walm/lab/debian"
	"walm/lab/guest"
)

// TestExamine tries everything on this machine.
func TestExamine(t *testing.T) {
	o := options(t)
	nothingLeft := belongings(t)
	found := Examine(t.Context(), o)
	nothingLeft()
	var text strings.Builder
	if err := Text(&text, found); err != nil {
		t.Fatal(err)
	}
	t.Log("\n" + text.String())

	kvm := named(found, "boot with KVM")
	if len(kvm) != 1 {
		t.Fatalf("%+v", kvm)
	}
	if runs := kernelSpeaks(t, o.Cache); runs != (kvm[0].Level == OK) {
		t.Errorf("a kernel speaks under KVM: %v; found: %+v", runs, kvm[0])
	}
	tcg := named(found, "boot with TCG")
	if len(tcg) < 2 {
		t.Errorf("%+v", tcg)
	}
	for _, f := range tcg {
		if f.Level != OK && f.Level != Note {
			t.Errorf("%+v", f)
		}
	}
	if os.Geteuid() == 0 {
		for _, v := range Verdicts(found) {
			if !v.Yes || len(v.Unknown) > 0 {
				t.Errorf("%+v", v)
			}
		}
	}
	for _, suite := range []debian.Suite{debian.Bookworm, debian.Backports} {
		q, _ := o.Cache.Have(suite)
		if about := named(found, "QEMU "+q.Version); len(about) < 2 || !strings.Contains(about[0].What, "postcopy-ram") {
			t.Errorf("%s: %+v", suite, about)
		}
	}
}

// TestInterrupted: whatever it was doing when it was told to end, it ends at once and leaves nothing.
func TestInterrupted(t *testing.T) {
	o := options(t)
	for _, at := range []string{"shaped links", "QEMU", "boot with TCG", "boot with KVM"} {
		t.Run(at, func(t *testing.T) {
			nothingLeft := belongings(t)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			o.Step = func(what string) {
				if strings.HasSuffix(what, at) {
					time.AfterFunc(50*time.Millisecond, cancel) // in the middle of it
				}
			}
			found := Examine(ctx, o)
			if ctx.Err() == nil {
				t.Fatal("it was never told to end")
			}
			if at != "shaped links" && len(named(found, "leftovers")) > 0 { // links are done in less than 50 ms
				t.Errorf("it went on to the end")
			}
			nothingLeft()
		})
	}
}

func TestNotFetched(t *testing.T) {
	o := Options{Cache: debian.Cache{Dir: t.TempDir()}}
	for _, look := range []func(context.Context, Options) []Finding{packages, bootTCG, bootKVM} {
		for _, f := range look(t.Context(), o) {
			if _, err := os.Stat("/dev/kvm"); err != nil && f.Name == "boot with KVM" {
				continue
			}
			if f.Level == OK || f.Level == Problem || !strings.Contains(f.Mend, "walm doctor --fetch") {
				t.Errorf("%+v", f)
			}
		}
	}
}

func options(t *testing.T) Options {
	t.Helper()
	cache, err := debian.DefaultCache()
	if err != nil {
		t.Fatal(err)
	}
	return Options{Cache: cache, StateDir: t.TempDir(), Fetch: true, Step: func(what string) { t.Log(what) }}
}

func named(all []Finding, name string) (some []Finding) {
	for _, f := range all {
		if f.Name == name {
			some = append(some, f)
		}
	}
	return some
}

// belongings notes what this process has, and gives a function that fails the test if it has more then.
func belongings(t *testing.T) (nothingLeft func()) {
	t.Helper()
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	list := func() (all []string) {
		for _, pattern := range []string{temporary + "/*", fmt.Sprintf("/run/netns/*x%d-*", os.Getpid())} {
			found, err := filepath.Glob(pattern)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, found...)
		}
		stats, err := filepath.Glob("/proc/[0-9]*/stat")
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range stats {
			text, _ := os.ReadFile(path) // it may have ended
			_, after, _ := strings.Cut(string(text), ") ")
			if fields := strings.Fields(after); len(fields) > 1 && fields[1] == fmt.Sprint(os.Getpid()) {
				all = append(all, "process "+string(text))
			}
		}
		return all
	}
	if had := list(); len(had) > 0 {
		t.Fatalf("there before: %q", had)
	}
	return func() {
		t.Helper()
		if left := list(); len(left) > 0 {
			t.Errorf("left behind: %q", left)
		}
	}
}

// kernelSpeaks finds out in another way than the doctor's whether a guest runs under KVM: by its console.
func kernelSpeaks(t *testing.T, cache debian.Cache) bool {
	t.Helper()
	q, _ := cache.Have(debian.Backports)
	k, _ := cache.HaveKernel()
	for _, cpu := range []string{"host", "qemu64"} {
		dir := t.TempDir()
		console := filepath.Join(dir, "console")
		args := qemu.Config{Name: "t", Machine: "q35", Accelerator: "kvm", CPU: cpu, VCPUs: 1,
			RAM: guest.Needs(guest.Workload{}),
			QMP: filepath.Join(dir, "q"), Console: console, Control: filepath.Join(dir, "c")}.Args()
		args = slices.Concat(q.Args, args, []string{"-kernel", k.Image, "-append", "console=ttyS0 earlyprintk=ttyS0"})
		ctx, cancel := context.WithTimeout(t.Context(), 12*time.Second)
		cmd := exec.CommandContext(ctx, q.Binary, args...)
		cmd.Env = append(os.Environ(), q.Env...)
		out, err := cmd.CombinedOutput() // without an initramfs the kernel ends in a panic, and pvpanic ends QEMU
		cancel()
		text, _ := os.ReadFile(console)
		t.Logf("KVM with -cpu %s: %v: %s; console of %d bytes", cpu, err, out, len(text))
		if strings.Contains(string(text), "Linux version") {
			return true
		}
	}
	return false
}
