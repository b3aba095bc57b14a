package observe

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"walm/vm"
)

func TestHostAgainstTruth(t *testing.T) {
	tests := []struct {
		name    string
		load    load
		samples int
		warning string
	}{
		{"cyclic", load{Pages: 16384, Rate: 20_000}, ForecastSamples, ""},
		{"uniform", load{Pages: 16384, Rate: 20_000, Uniform: true}, ForecastSamples, ""},
		{"watched", load{Pages: 8192, Rate: 30_000, Uniform: true}, WatchSamples, ""},
		{"every page", load{Pages: 4096, Rate: 10_000, Uniform: true}, 1 << 30, ""},
		{"saturated", load{Pages: 512, Rate: 200_000}, ForecastSamples, "how fast is not known"},
		{"rare", load{Pages: 16384, Rate: 100}, ForecastSamples, "sampled pages changed"},
		{"idle", load{Pages: 1}, ForecastSamples, "none of 16384 sampled pages changed"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g := startGuest(t, tt.load)
			h := g.host()
			h.Samples = tt.samples
			from := monotonic()
			trace, err := h.Look(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			to := monotonic()
			d := g.diary()
			if n := len(d.Writes); n == diaryLength && d.Writes[n-1].At < to {
				t.Fatal("the guest's diary was full before the look ended")
			}

			if trace.RAM != guestRAM || trace.Samples != min(tt.samples, int(guestRAM/vm.Page)) {
				t.Errorf("RAM %v, %d samples", trace.RAM, trace.Samples)
			}
			about(t, "present", trace.Present, guestTouch, stdErr(trace.Samples/2, trace.Samples, pagesIn(h.layout.Blocks)))
			about(t, "zero", trace.Zero, guestRAM-guestFilled, trace.ZeroErr)
			if len(trace.Curve) != 4 {
				t.Fatalf("curve %v: want 4 points", trace.Curve)
			}
			// The first reading was made between from and last, so the truth is that of a window that began there.
			last := to - int64(trace.Curve[3].Window)
			for i, p := range trace.Curve {
				if p.Window < h.Windows[i] {
					t.Errorf("window %v told for %v: no page was read again so soon", p.Window, h.Windows[i])
				}
				lo, hi := d.between(from, last, p.Window)
				slack := 4*p.Err + hi/100 + 2*vm.Page // pages of a batch are not read at one instant
				if p.Dirty < lo-slack || p.Dirty > hi+slack {
					t.Errorf("W(%v) = %v ± %v; truly %v to %v", p.Window, p.Dirty, p.Err, lo, hi)
				}
				t.Logf("W(%v) = %v ± %v; truly %v to %v", p.Window, p.Dirty, p.Err, lo, hi)
			}
			share := d.share(from, to)
			if trace.VCPUs[0] < share-0.05-float64(2*tick)/float64(trace.Took) { // more where it had to wait for a core
				t.Errorf("CPU share %.2f; truly %.2f, and what it waited", trace.VCPUs[0], share)
			}
			warnings := strings.Join(slices.DeleteFunc(trace.Warnings, func(w string) bool {
				return strings.HasPrefix(w, "the host is busy") // it may be, while tests run
			}), "; ")
			if tt.warning == "" && warnings != "" || !strings.Contains(warnings, tt.warning) {
				t.Errorf("warnings %q; want %q", warnings, tt.warning)
			}
		})
	}
}

func about(t *testing.T, what string, got, want, err vm.Bytes) {
	t.Helper()
	if got < want-4*err-vm.Page || got > want+4*err+vm.Page {
		t.Errorf("%s: %v ± %v; truly %v", what, got, err, want)
	}
}

// share is the share of a core that the writing thread used.
func (d diary) share(from, to int64) float64 {
	var first, last stamp
	for _, s := range d.CPU {
		if s.At >= from && first.At == 0 {
			first = s
		}
		if s.At <= to {
			last = s
		}
	}
	return float64(last.Used-first.Used) / float64(last.At-first.At)
}

func TestLookLeavesAbsentPagesAbsent(t *testing.T) {
	g := startGuest(t, load{Pages: 1})
	if n := g.present(); n != 0 {
		t.Fatalf("%d pages were present before", n)
	}
	h := g.host()
	h.Samples = 1 << 30 // every page
	if _, err := h.Look(context.Background()); err != nil {
		t.Fatal(err)
	}
	if n := g.present(); n != 0 {
		t.Errorf("the look faulted %d pages in", n)
	}
}

// However late the machine made the first reading of a batch, all batches wait for as long.
func TestWindowsOfBatchesAreAlike(t *testing.T) {
	tests := []struct {
		name string
		late func(*watched)
		want time.Duration
	}{
		{"a stall in the first reading", func(w *watched) { w.first[0] = w.first[0].Add(-300 * time.Millisecond) },
			300 * time.Millisecond},
		{"a stall in a later one", func(w *watched) { w.longest = 200 * time.Millisecond }, 200 * time.Millisecond},
		{"no stall", func(*watched) {}, 20 * time.Millisecond},
	}
	g := startGuest(t, load{Pages: 1})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			mem, err := openMemory(g.cmd.Process.Pid)
			if err != nil {
				t.Fatal(err)
			}
			defer mem.close()
			w, err := watch(t.Context(), mem, g.host().sample(WatchSamples))
			if err != nil {
				t.Fatal(err)
			}
			tt.late(w)
			passed, err := w.after(t.Context(), 20*time.Millisecond)
			if err != nil {
				t.Fatal(err)
			}
			if passed.mean < tt.want {
				t.Errorf("pages were read again after %v; want no less than %v", passed.mean, tt.want)
			}
			if w.longest < passed.mean {
				t.Errorf("longest window %v, mean %v", w.longest, passed.mean)
			}
		})
	}
}

func TestReadOfAnEndedProcess(t *testing.T) {
	g := startGuest(t, load{Pages: 1})
	mem, err := openMemory(g.cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	defer mem.close()
	g.cmd.Process.Kill()
	g.cmd.Wait()
	if _, err := mem.read([]uint64{g.Addr}); !errors.Is(err, ErrGone) {
		t.Errorf("%v; want %v", err, ErrGone)
	}
}

func TestLooksAreRepeatable(t *testing.T) {
	blocks := []vm.Block{{HostAddr: 1 << 30, Size: vm.GiB}}
	a, b := &Host{Seed: 7, layout: vm.Layout{Blocks: blocks}}, &Host{Seed: 7, layout: vm.Layout{Blocks: blocks}}
	first, second := a.sample(100), a.sample(100)
	if slices.Equal(first, second) {
		t.Error("two looks took the same pages")
	}
	if !slices.Equal(first, b.sample(100)) || !slices.Equal(second, b.sample(100)) {
		t.Error("the same looks of the same seed took other pages")
	}
}

func TestLookFails(t *testing.T) {
	look := func(h *Host) error {
		_, err := h.Look(context.Background())
		return err
	}
	tests := []struct {
		name string
		look func(t *testing.T) error
		want error
	}{
		{"ended before", func(t *testing.T) error {
			g := startGuest(t, load{Pages: 1})
			h := g.host()
			g.cmd.Process.Kill()
			g.cmd.Wait()
			return look(h)
		}, ErrGone},
		{"ended, not reaped", func(t *testing.T) error {
			g := startGuest(t, load{Pages: 1})
			h := g.host()
			g.cmd.Process.Kill()
			var info unix.Siginfo
			if err := unix.Waitid(unix.P_PID, g.cmd.Process.Pid, &info, unix.WEXITED|unix.WNOWAIT, nil); err != nil {
				t.Fatal(err)
			}
			return look(h)
		}, ErrGone},
		{"ended meanwhile", func(t *testing.T) error {
			g := startGuest(t, load{Pages: 1})
			h := g.host()
			time.AfterFunc(100*time.Millisecond, func() { g.cmd.Process.Kill() })
			return look(h)
		}, ErrGone},
		{"no such process", func(t *testing.T) error {
			_, err := NewHost(vm.Layout{PID: 1 << 30, Blocks: []vm.Block{{Size: vm.Page}}})
			return err
		}, ErrGone},
		{"id reused", func(t *testing.T) error {
			h := startGuest(t, load{Pages: 1}).host()
			h.proc.start-- // as if another process had had the id before
			return look(h)
		}, ErrGone},
		{"unmapped", func(t *testing.T) error {
			h := startGuest(t, load{Pages: 1}).host()
			h.layout.Blocks[0].HostAddr = 1 << 20
			return look(h)
		}, ErrUnmapped},
		{"userfaultfd", func(t *testing.T) error {
			return look(startGuest(t, load{Pages: 1, Userfault: true}).host())
		}, ErrUserfault},
		{"not readable: unmapped", func(t *testing.T) error {
			h := startGuest(t, load{Pages: 1}).host()
			if err := h.Readable(); err != nil {
				t.Fatal(err)
			}
			h.layout.Blocks[0].HostAddr = 1 << 20
			return h.Readable()
		}, ErrUnmapped},
		{"not readable: ended", func(t *testing.T) error {
			g := startGuest(t, load{Pages: 1})
			h := g.host()
			g.cmd.Process.Kill()
			g.cmd.Wait()
			return h.Readable()
		}, ErrGone},
		{"cancelled", func(t *testing.T) error {
			ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
			defer cancel()
			h := startGuest(t, load{Pages: 1}).host()
			h.Windows = []time.Duration{time.Hour}
			_, err := h.Look(ctx)
			return err
		}, context.DeadlineExceeded},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if err := tt.look(t); !errors.Is(err, tt.want) {
				t.Errorf("%v; want %v", err, tt.want)
			} else {
				t.Log(err)
			}
		})
	}
}

func TestNewHostRefuses(t *testing.T) {
	for _, blocks := range [][]vm.Block{nil, {{Size: 0}}, {{Size: vm.Page + 1}}, {{Size: vm.Page, HostAddr: 12}}} {
		if _, err := NewHost(vm.Layout{PID: os.Getpid(), Blocks: blocks}); err == nil {
			t.Errorf("blocks %v were taken", blocks)
		}
	}
}

// beStranger looks at the process given in the environment as a user that may not.
func beStranger() error {
	const nobody = 65534
	if os.Getuid() == 0 {
		if err := errors.Join(syscall.Setgroups(nil), syscall.Setgid(nobody), syscall.Setuid(nobody)); err != nil {
			return err
		}
	}
	pid, err := strconv.Atoi(os.Getenv("WALM_OBSERVE_PID"))
	if err != nil {
		return err
	}
	h, err := NewHost(vm.Layout{PID: pid, Blocks: []vm.Block{{HostAddr: 1 << 20, Size: vm.Page}}})
	if err != nil {
		return err
	}
	if err := h.Readable(); !errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("readable to a stranger: %v", err)
	}
	if err := (&memory{pid: pid, buf: make([]byte, 1)}).permitted(); !errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("permitted to a stranger: %v", err)
	}
	_, err = h.Look(context.Background())
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("PERMISSION %w", err)
	}
	return err
}

func TestLookWithoutPermission(t *testing.T) {
	pid := os.Getpid()
	if os.Getuid() != 0 {
		pid = 1 // root's, in any case
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "WALM_OBSERVE_TEST=stranger", "WALM_OBSERVE_PID="+strconv.Itoa(pid))
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	if s := string(out); !strings.HasPrefix(s, "PERMISSION") || !strings.Contains(s, "must run as root") {
		t.Errorf("a stranger was told %q", s)
	}
}

// BenchmarkLook tells the CPU time of a look of eight windows at memory that is all present and never written, which
// is the dearest: every page is read again each time.
func BenchmarkLook(b *testing.B) {
	for _, samples := range []int{WatchSamples, 8192, ForecastSamples} {
		b.Run(strconv.Itoa(samples), func(b *testing.B) {
			g := startGuest(b, load{Pages: 1})
			h, err := NewHost(vm.Layout{PID: g.cmd.Process.Pid, VCPUs: []int{g.Thread},
				Blocks: []vm.Block{{HostAddr: g.Addr, Size: guestFilled}}})
			if err != nil {
				b.Fatal(err)
			}
			h.Samples = samples
			for i := range 8 {
				h.Windows = append(h.Windows, time.Duration(i+1)*time.Millisecond)
			}
			used := clock(unix.CLOCK_PROCESS_CPUTIME_ID)
			for b.Loop() {
				if _, err := h.Look(context.Background()); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(clock(unix.CLOCK_PROCESS_CPUTIME_ID)-used)/1e9/float64(b.N), "cpu-sec/look")
		})
	}
}

// BenchmarkLookBySize looks with as many samples at VMs of which an eighth is present. What a look does is: read maps,
// which has a line for each mapping, hash the sample, and ask for the sample's huge pages: nothing of it knows how
// large the VM is, so that what holds from 256 MiB to 16 GiB holds for 1 TiB but for cold caches and page tables.
func BenchmarkLookBySize(b *testing.B) {
	for _, size := range []vm.Bytes{256 * vm.MiB, vm.GiB, 4 * vm.GiB, 16 * vm.GiB} {
		b.Run(size.String(), func(b *testing.B) {
			g := startGuest(b, load{Pages: 1, Sparse: size})
			h, err := NewHost(vm.Layout{PID: g.cmd.Process.Pid, VCPUs: []int{g.Thread},
				Blocks: []vm.Block{{HostAddr: g.Sparse, Size: size}}})
			if err != nil {
				b.Fatal(err)
			}
			for i := range 8 {
				h.Windows = append(h.Windows, time.Duration(i+1)*time.Millisecond)
			}
			used := clock(unix.CLOCK_PROCESS_CPUTIME_ID)
			for b.Loop() {
				if _, err := h.Look(context.Background()); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(clock(unix.CLOCK_PROCESS_CPUTIME_ID)-used)/1e9/float64(b.N), "cpu-sec/look")
		})
	}
}
