//go:build lab

package guest

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"walm/lab/debian"
	"walm/lab/guest/wire"
	"walm/vm"
)

// machine is a real guest under TCG, without a second host.
type machine struct {
	*Control
	console string
	probe   net.Conn // to the guest's echo
	started time.Time
}

// boot starts a guest of the given suite's QEMU with w, built from the source as it is now.
func boot(t *testing.T, suite debian.Suite, w Workload) machine {
	t.Helper()
	cache, err := debian.DefaultCache()
	if err != nil {
		t.Fatal(err)
	}
	say := func(what string) { t.Log(what) }
	q, err := cache.QEMU(t.Context(), suite, say)
	if err != nil {
		t.Fatal(err)
	}
	k, err := cache.Kernel(t.Context(), say)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	build(t, in("init"), k.Modules, in("image"))

	free, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.LocalAddr().String()
	free.Close()
	cmd := exec.Command(q.Binary, append(q.Args,
		"-machine", "pc-q35-7.2", "-cpu", "qemu64", "-accel", "tcg", "-smp", "1",
		"-m", fmt.Sprintf("%dK", (Needs(w)+8*vm.KiB)/vm.KiB),
		"-nodefaults", "-no-user-config", "-display", "none",
		"-kernel", k.Image, "-initrd", in("image"), "-append", CommandLine("10.77.0.10/24", w),
		"-serial", "file:"+in("console"),
		"-chardev", "socket,id=control,server=on,wait=off,path="+in("control"), "-serial", "chardev:control",
		"-device", "pvpanic", "-device", "virtio-net-pci,netdev=n0,romfile=",
		"-netdev", "user,id=n0,net=10.77.0.0/24,hostfwd=udp:"+address+"-10.77.0.10:7707")...)
	cmd.Env = append(os.Environ(), q.Env...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	m := machine{console: in("console"), started: time.Now()}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	for m.Control == nil {
		if m.Control, err = Dial(t.Context(), in("control")); err != nil && time.Since(m.started) > time.Minute {
			t.Fatalf("%v; QEMU says: %s", err, &stderr)
		}
	}
	if m.probe, err = net.Dial("udp4", address); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.probe.Close() })
	return m
}

func build(t *testing.T, program, tree, image string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags=-s -w", "-o", program, "./init")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	code, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	mods, err := Modules(tree, needed...)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(image)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := writeImage(code, mods, f); err != nil {
		t.Fatal(err)
	}
	t.Logf("the guest's program has %v", vm.Bytes(len(code)))
}

// until waits for a message of the kind.
func (m machine) until(t *testing.T, kind wire.Kind) Message {
	t.Helper()
	for late := time.After(2 * time.Minute); ; {
		select {
		case msg, open := <-m.Messages():
			switch {
			case !open || msg.Kind == wire.Error && kind != wire.Error:
				t.Fatalf("waiting for %s: %+v\n%s", kind, msg, m.log())
			case msg.Kind == kind:
				return msg
			}
		case <-late:
			t.Fatalf("no %s in two minutes\n%s", kind, m.log())
		}
	}
}

func (m machine) ask(t *testing.T, c Command, answer wire.Kind) Message {
	t.Helper()
	if err := m.Send(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	return m.until(t, answer)
}

func (m machine) log() string {
	b, err := os.ReadFile(m.console)
	return fmt.Sprint(string(b), err)
}

func parse(t *testing.T, s string) Workload {
	t.Helper()
	w, err := ParseWorkload(s)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func TestGuest(t *testing.T) {
	for _, suite := range []debian.Suite{debian.Backports, debian.Bookworm} {
		t.Run(string(suite), func(t *testing.T) {
			m := boot(t, suite, parse(t, "random:wset=128MiB"))
			hello := m.until(t, wire.Hello)
			t.Logf("hello after %.2f s", hello.At.Sub(m.started).Seconds())
			if hello.Version != wire.Version || hello.Boot == "" {
				t.Errorf("%+v", hello)
			}
			ready := m.until(t, wire.Ready)
			t.Logf("%v filled after %.2f s more", ready.Arena, ready.At.Sub(hello.At).Seconds())
			m.ask(t, Command{Verb: wire.Mark}, wire.Marked)
			m.until(t, wire.Beat)
			echoes(t, m) // while the workload runs flat out
			asked := time.Now()
			v := m.ask(t, Command{Verb: wire.Verify}, wire.Verified)
			t.Logf("checked at %v", ready.Arena.Per(v.At.Sub(asked)))
			if !v.Check.OK() || v.Check.Pages != 32768 || v.Check.Written == 0 {
				t.Errorf("check %+v", v.Check)
			}
			m.ask(t, Command{Verb: wire.Corrupt, Page: 4711}, wire.Corrupted)
			v = m.ask(t, Command{Verb: wire.Verify}, wire.Verified)
			if v.Check.Bad != 1 || len(v.Check.First) != 1 || v.Check.First[0] != 4711 || v.Check.OK() {
				t.Errorf("a corrupt page: %+v", v.Check)
			}
			if e := m.ask(t, Command{Verb: wire.Start, Workload: "?"}, wire.Error); !strings.Contains(e.Error, "cyclic") {
				t.Errorf("%+v", e)
			}
			for _, w := range []string{"cpu:load=50", "read:wset=32MiB,rate=1000", "static:wset=8MiB", "idle"} {
				m.ask(t, Command{Verb: wire.Start, Workload: w}, wire.Ready)
				if v := m.ask(t, Command{Verb: wire.Verify}, wire.Verified); !v.Check.OK() {
					t.Errorf("%s: check %+v", w, v.Check)
				}
			}
			m.ask(t, Command{Verb: wire.Stop}, wire.Stopped)
			if log := m.log(); strings.Contains(log, "walm guest:") || strings.Contains(log, "BUG") {
				t.Errorf("console: %s", log)
			}
		})
	}
}

// echoes sends probes and reports how long the answers take.
func echoes(t *testing.T, m machine) {
	t.Helper()
	buf := make([]byte, 100)
	var worst, sum time.Duration
	const n = 200
	for i := range n {
		sent := fmt.Appendf(nil, "probe %d of %s", i, t.Name())
		from := time.Now()
		m.probe.SetDeadline(from.Add(time.Minute))
		if _, err := m.probe.Write(sent); err != nil {
			t.Fatal(err)
		}
		k, err := m.probe.Read(buf)
		if err != nil || !bytes.Equal(buf[:k], sent) {
			t.Fatalf("probe %d: %q, %v", i, buf[:k], err)
		}
		took := time.Since(from)
		worst, sum = max(worst, took), sum+took
	}
	t.Logf("echo: mean %v, worst %v", sum/n, worst)
}

// TestGuestKeepsRate looks at the rate by the guest's own clock and at that clock by the host's. A busy host can keep
// a guest from its work, but not in every second, and never makes it do more.
func TestGuestKeepsRate(t *testing.T) {
	const within = 0.03
	for _, rate := range []int{5000, 20_000, 40_000} {
		t.Run(fmt.Sprint(rate), func(t *testing.T) {
			m := boot(t, debian.Backports, parse(t, fmt.Sprintf("cyclic:wset=128MiB,rate=%d", rate)))
			m.until(t, wire.Ready)
			var beats []Message
			for range 82 {
				beats = append(beats, m.until(t, wire.Beat))
			}
			per := func(a, b Message) float64 { return float64(b.Ops-a.Ops) / (b.Up - a.Up).Seconds() / float64(rate) }
			beats = beats[2:]
			first, last := beats[0], beats[len(beats)-1]
			best := 0.0
			for i := range beats[10:] {
				best = max(best, per(beats[i], beats[i+10]))
			}
			all := per(first, last)
			pace := (last.Up - first.Up).Seconds() / last.At.Sub(first.At).Seconds()
			t.Logf("%.2f %% of the rate over 8 s, %.2f %% in the best second; guest's clock at %.4f", all*100, best*100, pace)
			if all > 1+within || best < 1-within {
				t.Errorf("not within %v of %d pages/s", within, rate)
			}
			if pace < 0.97 || pace > 1.03 {
				t.Errorf("the guest's clock runs at %.3f of the host's", pace)
			}
		})
	}
}
