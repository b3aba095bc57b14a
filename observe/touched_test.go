package observe

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"

	"walm/vm"
)

// What is read is seen as well as what is written, and told from it.
func TestTouched(t *testing.T) {
	for _, tt := range []struct {
		name   string
		load   load
		access vm.Access
	}{
		{"reads", load{Pages: 16384, Rate: 20_000, Reads: true}, vm.ReadIntensive},
		{"writes", load{Pages: 16384, Rate: 20_000}, vm.WriteIntensive},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := startGuest(t, tt.load)
			h := g.host()
			h.Touch = true
			if _, err := os.Stat(h.proc.path("clear_refs")); errors.Is(err, fs.ErrNotExist) {
				t.Skip("this kernel has no clear_refs")
			}
			from := monotonic()
			trace, err := h.Look(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			to := monotonic()
			d := g.diary()
			if len(trace.Touched) != len(touchWindows) {
				t.Fatalf("touched %v, warnings %q", trace.Touched, trace.Warnings)
			}
			for _, p := range trace.Touched {
				lo, hi := d.between(from, to-int64(p.Window), p.Window)
				if slack := 4*p.Err + hi/20 + 4*vm.Page; p.Dirty < lo-slack || p.Dirty > hi+slack {
					t.Errorf("touched within %v: %v ± %v; truly %v to %v", p.Window, p.Dirty, p.Err, lo, hi)
				}
			}
			if trace.Access != tt.access {
				t.Errorf("%q; want %q", trace.Access, tt.access)
			}
		})
	}
}

func TestTouchedIsNotAskedOfLargeVMs(t *testing.T) {
	g := startGuest(t, load{Pages: 1})
	large := vm.Trace{RAM: vm.TiB, Present: vm.TiB}
	c, err := g.host().proc.touched(t.Context(), large, g.host().layout.Blocks)
	if c != nil || !errors.Is(err, errNotTold) {
		t.Errorf("%v, %v", c, err)
	}
}

const smaps = `10000-30000 rw-p 00000000 00:00 0 
Size:                128 kB
Referenced:           64 kB
VmFlags: rd wr mr mw me ac 
30000-40000 rw-p 00000000 00:00 0  [heap]
Referenced:           64 kB
50000-60000 r--p 00000000 fe:01 12  /usr/bin/qemu-system-x86_64
Referenced:            4 kB
`

func TestParseReferenced(t *testing.T) {
	for _, tt := range []struct {
		blocks []vm.Block
		want   vm.Bytes
	}{
		{nil, 0},
		{[]vm.Block{{HostAddr: 0x10000, Size: 0x20000}}, 64 * vm.KiB},
		{[]vm.Block{{HostAddr: 0x10000, Size: 0x30000}}, 128 * vm.KiB},
		{[]vm.Block{{HostAddr: 0x3f000, Size: 0x1000}, {HostAddr: 0x50000, Size: 0x10000}}, 8 * vm.KiB},
		{[]vm.Block{{HostAddr: 0x70000, Size: 0x1000}}, 0},
	} {
		if got, err := parseReferenced(strings.NewReader(smaps), tt.blocks); err != nil || got != tt.want {
			t.Errorf("%v: %v, %v; want %v", tt.blocks, got, err, tt.want)
		}
	}
}

func FuzzParseReferenced(f *testing.F) {
	f.Add(smaps)
	f.Add("Referenced: -4 kB\n")
	f.Fuzz(func(t *testing.T, s string) {
		block := vm.Block{HostAddr: 0x10000, Size: 0x20000}
		n, err := parseReferenced(strings.NewReader(s), []vm.Block{block})
		if most := vm.Bytes(strings.Count(s, "Referenced")) * block.Size; err == nil && (n < 0 || n > most) {
			t.Errorf("%q: %v", s, n)
		}
	})
}

// BenchmarkTouched tells how long a process with a GiB of small pages is held up, and the counting.
func BenchmarkTouched(b *testing.B) {
	g := startGuest(b, load{Pages: 1, Sparse: 8 * vm.GiB})
	p := process{pid: g.cmd.Process.Pid}
	b.Run("clear", func(b *testing.B) {
		for b.Loop() {
			if err := os.WriteFile(p.path("clear_refs"), []byte("1"), 0); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("count", func(b *testing.B) {
		for b.Loop() {
			if _, err := p.referenced([]vm.Block{{HostAddr: g.Sparse, Size: 8 * vm.GiB}}); err != nil {
				b.Fatal(err)
			}
		}
	})
}
