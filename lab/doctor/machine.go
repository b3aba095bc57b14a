package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"walm/lab/debian"
	"walm/vm"
)

func user(context.Context, Options) []Finding { return []Finding{userFinding(os.Geteuid())} }

func userFinding(uid int) Finding {
	if uid == 0 {
		return Finding{Name: "user", Level: OK, What: "root"}
	}
	return Finding{Name: "user", Level: Problem, Against: []Ability{RunLab},
		What:  fmt.Sprintf("not root, but user %d", uid),
		Means: "the lab cannot make network namespaces; VMs of other users can neither be reached nor read",
		Mend:  "run walm as root"}
}

func processors(context.Context, Options) []Finding {
	text, _ := os.ReadFile("/proc/loadavg")
	var load float64
	_, _ = fmt.Sscan(string(text), &load)
	return []Finding{processorsFinding(runtime.NumCPU(), load)}
}

func processorsFinding(n int, load float64) Finding {
	f := Finding{Name: "processors", Level: OK, What: fmt.Sprintf("%d, load %.1f", n, load)}
	switch {
	case n < 2:
		f.Level, f.Means = Note, "the lab's two QEMUs and its probes take turns: times measured in it are long and vary"
		f.Mend = "give the machine a second processor"
	case load > float64(n)+0.5:
		f.Level, f.Means = Note, "the machine is busy: times measured now are long and vary"
		f.Mend = "run the lab when nothing else runs"
	}
	return f
}

// labMemory is that of a lab as walm demo makes it: two QEMUs with 512 MiB for the guest each, and what they need
// themselves.
const labMemory = 1200 * vm.MiB

func memory(context.Context, Options) []Finding {
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return []Finding{broken("memory", err, RunLab)}
	}
	return []Finding{memoryFinding(string(text))}
}

func memoryFinding(meminfo string) Finding {
	const name = "memory"
	free, ok := field(meminfo, "MemAvailable")
	if !ok {
		return Finding{Name: name, Level: Unknown, Against: []Ability{RunLab}, What: "/proc/meminfo tells no MemAvailable",
			Means: "it is not known whether two QEMUs fit into memory"}
	}
	f := Finding{Name: name, Level: OK, What: fmt.Sprintf("%v free", free)}
	if free < labMemory {
		f.Level, f.Against = Problem, []Ability{RunLab}
		f.Means = fmt.Sprintf("a lab as walm demo makes it does not fit: its two QEMUs take %v", labMemory)
		f.Mend = "end something, or make a smaller lab: walm demo --workload idle --memory 112MiB"
	}
	return f
}

// field reads an amount in kB from a file such as /proc/meminfo.
func field(text, name string) (vm.Bytes, bool) {
	for line := range strings.Lines(text) {
		if key, value, _ := strings.Cut(line, ":"); key == name {
			var n int64
			_, err := fmt.Sscanf(value, "%d kB", &n)
			return vm.Bytes(n) * vm.KiB, err == nil
		}
	}
	return 0, false
}

// clockReading is what was seen of the clocks.
type clockReading struct {
	source string        // the kernel's clock source
	cost   time.Duration // of one reading
	back   bool          // the monotonic clock ran backwards
	wall   time.Time
}

func clock(context.Context, Options) []Finding {
	const reads = 100_000
	r := clockReading{wall: time.Now()}
	text, _ := os.ReadFile("/sys/devices/system/clocksource/clocksource0/current_clocksource")
	r.source = strings.TrimSpace(string(text))
	began := time.Now()
	last := began
	for range reads {
		now := time.Now()
		r.back = r.back || now.Sub(last) < 0
		last = now
	}
	r.cost = last.Sub(began) / reads
	return []Finding{clockFinding(r)}
}

// slowClock is what no reading costs that needs no system call (20 to 60 ns from tsc or kvm-clock, 1 µs and more from
// hpet or acpi_pm).
const slowClock = 500 * time.Nanosecond

func clockFinding(r clockReading) Finding {
	f := Finding{Name: "clock", Level: OK, What: fmt.Sprintf("%s, %v a reading", r.source, r.cost)}
	switch {
	case r.back:
		f.Level, f.Against = Problem, []Ability{RunLab}
		f.What += ", and it ran backwards"
		f.Means = "no time that walm measures can be trusted"
		f.Mend = "boot with another clocksource=, or mend the hypervisor of this machine"
	case r.wall.Before(time.Date(2023, time.June, 10, 0, 0, 0, 0, time.UTC)): // the release of Debian 12
		f.Level = Note
		f.What += ", and it says that today is " + r.wall.Format(time.DateOnly)
		f.Means = "Debian's signatures are not valid yet by this clock: nothing can be fetched"
		f.Mend = "set the clock"
	case r.cost > slowClock:
		f.Level = Note
		f.Means = "reading the clock needs a system call: probes and the guest lose time"
		f.Mend = "look why the kernel does not trust tsc: dmesg | grep -i clocksource"
	}
	return f
}

// room is what one folder has and needs.
type room struct {
	name, dir string
	free      vm.Bytes
	err       error // why nothing can be written there
	need      vm.Bytes
	why       string
	instead   string // what else to do than to make room or to make it writable
	against   []Ability
}

func disk(_ context.Context, o Options) []Finding {
	cache := room{name: "disk for the cache", dir: o.Cache.Dir, need: 16 * vm.MiB, why: "guests' initramfs is kept there",
		instead: "set WALM_CACHE to another folder", against: []Ability{RunLab}}
	if len(missing(o.Cache)) > 0 {
		cache.need, cache.why = debian.Room, "QEMU and a kernel are fetched into it"
	}
	state := room{name: "disk for the state", dir: o.StateDir, need: 16 * vm.MiB, why: "every move is journalled there",
		instead: "set WALM_STATE to another folder", against: []Ability{Migrate}}
	var all []Finding
	for _, r := range []room{cache, state} {
		r.free, r.err = writable(r.dir)
		all = append(all, r.finding())
	}
	return all
}

func (r room) finding() Finding {
	f := Finding{Name: r.name, Level: OK, What: fmt.Sprintf("%v free for %s", r.free, r.dir)}
	switch {
	case r.err != nil:
		f.What, f.Mend = r.err.Error(), "run walm as root, or "+r.instead
	case r.free < r.need:
		f.What += fmt.Sprintf(", %v are needed", r.need)
		f.Mend = "free some, or " + r.instead
	default:
		return f
	}
	f.Level, f.Against, f.Means = Problem, r.against, r.why
	return f
}

// writable says how much can be written to dir, which need not be there yet.
func writable(dir string) (vm.Bytes, error) {
	at, err := filepath.Abs(dir)
	for err == nil {
		if _, err = os.Stat(at); !errors.Is(err, fs.ErrNotExist) || filepath.Dir(at) == at {
			break
		}
		at, err = filepath.Dir(at), nil
	}
	if err == nil {
		err = unix.Faccessat(unix.AT_FDCWD, at, unix.W_OK|unix.X_OK, unix.AT_EACCESS)
	}
	var s unix.Statfs_t
	if err == nil {
		err = unix.Statfs(at, &s)
	}
	if err != nil {
		return 0, fmt.Errorf("%s cannot be written: %w", dir, err)
	}
	return vm.Bytes(s.Bavail) * vm.Bytes(s.Bsize), nil
}
