package observe

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"walm/vm"
)

func TestParseStat(t *testing.T) {
	const rest = " 1 1 1 0 -1 4194560 1 2 3 4 150 50 7 8 20 0 5 0 98765 1 1"
	tests := []struct {
		line string
		want stat
		bad  bool
	}{
		{"12 (qemu) S" + rest, stat{"S", 200, 98765}, false},
		{"12 (CPU 0/KVM) R" + rest, stat{"R", 200, 98765}, false},
		{"12 (a) Z (b)) Z" + rest, stat{"Z", 200, 98765}, false},
		{"12 (qemu) S 1 1", stat{}, true},
		{"", stat{}, true},
	}
	for _, tt := range tests {
		if got, err := parseStat(tt.line); got != tt.want || (err != nil) != tt.bad {
			t.Errorf("%q: %v, %v; want %v", tt.line, got, err, tt.want)
		}
	}
}

func FuzzParseStat(f *testing.F) {
	f.Add("12 (CPU 0/KVM) R 1 1 1 0 -1 4194560 1 2 3 4 150 50 7 8 20 0 5 0 98765 1 1")
	f.Fuzz(func(t *testing.T, line string) {
		if s, err := parseStat(line); err == nil && s.state == "" {
			t.Errorf("%q has no state", line)
		}
	})
}

func TestStatOfOurselves(t *testing.T) {
	self, err := readStat("/proc/self/stat")
	if err != nil {
		t.Fatal(err)
	}
	thread, err := readStat("/proc/thread-self/stat")
	if err != nil {
		t.Fatal(err)
	}
	if self.start == 0 || thread.start < self.start || (self.state != "R" && self.state != "S") {
		t.Errorf("process %+v, thread %+v", self, thread)
	}
}

func TestCovered(t *testing.T) {
	maps, err := parseMaps(strings.NewReader(`1000-3000 rw-p 00000000 00:00 0 
3000-5000 rw-p 00000000 00:00 0                          [heap]
6000-8000 rw-s 00000000 00:01 1234                       /memfd:memory-backend-memfd (deleted)
8000-9000 rw-p 00000000 08:01 77                         /var/lib/ram
9000-a000 rw-p 00000000 00:0f 42                         /anon_hugepage (deleted)
`))
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		addr, size uint64
		anonymous  bool
		unmapped   bool
	}{
		{0x1000, 0x1000, true, false},
		{0x2000, 0x3000, true, false}, // over two mappings
		{0x4000, 0x2000, false, true}, // into a hole
		{0x5000, 0x1000, false, true},
		{0x6000, 0x2000, false, false},
		{0x8000, 0x1000, false, false},
		{0x9000, 0x2000, false, true}, // beyond the last
		{0x0000, 0x2000, false, true}, // before the first
	}
	for _, tt := range tests {
		anonymous, err := covered(vm.Block{HostAddr: tt.addr, Size: vm.Bytes(tt.size)}, maps)
		if anonymous != tt.anonymous || errors.Is(err, ErrUnmapped) != tt.unmapped {
			t.Errorf("%#x+%#x: anonymous %v, %v", tt.addr, tt.size, anonymous, err)
		}
	}
}

func FuzzParseMaps(f *testing.F) {
	f.Add("1000-3000 rw-p 00000000 00:00 0 \n", uint64(0x1000))
	f.Add("zz-3000 rw-p 0 0 0", uint64(0))
	f.Fuzz(func(t *testing.T, s string, addr uint64) {
		maps, err := parseMaps(strings.NewReader(s))
		if err != nil {
			return
		}
		b := vm.Block{HostAddr: addr &^ 4095, Size: vm.Page}
		_, err = covered(b, maps)
		inside := slices.ContainsFunc(maps, func(m mapping) bool { return m.start <= b.HostAddr && b.HostAddr+4096 <= m.end })
		if b.HostAddr+4096 != 0 && inside && err != nil {
			t.Errorf("%v in %v: %v", b, maps, err)
		}
	})
}

func TestHolds(t *testing.T) {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	p := process{pid: os.Getpid()}
	for name, want := range map[string]bool{"eventfd": true, "kvm-vm": false} {
		if got, err := p.holds(name); err != nil || got != want {
			t.Errorf("%s: %v, %v; want %v", name, got, err, want)
		}
	}
	if _, err := (process{pid: 1 << 30}).holds("kvm-vm"); err == nil {
		t.Error("a process that is not there was asked")
	}
}

func TestStatusField(t *testing.T) {
	const status = "Name:\tqemu\nUmask:\t0022\nHugetlbPages:\t 2048 kB\nCpus_allowed:\t3\n"
	for name, want := range map[string]string{"Name": "qemu", "HugetlbPages": "2048 kB", "Huge": ""} {
		if got := statusField(status, name); got != want {
			t.Errorf("%s: %q; want %q", name, got, want)
		}
	}
}

const netDev = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:    3193      29    0    0    0     0          0         0     3193      29    0    0    0     0       0          0
  tap0:%RX      10    0    0    0     0          0         0     %TX      20    0    0    0     0       0          0
`

func TestNetworkIsSeenFromTheVM(t *testing.T) {
	counters := strings.NewReplacer("%RX", "1000", "%TX", "2000").Replace(netDev)
	if got, want := parseNetDev(counters)["tap0"], (vm.Traffic{Received: 2000, Sent: 1000}); got != want {
		t.Errorf("%+v; want what the tap sent as received", got)
	}
}

func TestWaited(t *testing.T) {
	for in, want := range map[string]time.Duration{
		"210785422 85070018 1154\n": 85070018, "": 0, "1 2": 0, "1 x 3": 0, "1 -5 3": 0,
	} {
		if got := parseWaited(in); got != want {
			t.Errorf("%q: %v, want %v", in, got, want)
		}
	}
}

func TestUsageSaysWhatIsMissing(t *testing.T) {
	p := process{pid: os.Getpid()}
	u := p.usage(vm.Layout{VCPUs: []int{1 << 30}, Taps: []string{"nosuch0", "lo"}})
	if len(u.Unknown) != 2 || !strings.Contains(u.Unknown[0], "thread 1073741824") || !strings.Contains(u.Unknown[1], "nosuch0") {
		t.Errorf("%q", u.Unknown)
	}
	if u := p.usage(vm.Layout{}); len(u.Unknown) != 1 {
		t.Errorf("no vCPUs in the layout: %q", u.Unknown)
	}
}
