package observe

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"walm/vm"
)

// tick is the unit of times in /proc: USER_HZ is 100 on every architecture that QEMU/KVM runs on.
const tick = 10 * time.Millisecond

// stat is what is needed of a /proc/PID/stat or /proc/PID/task/TID/stat (proc_pid_stat(5)).
type stat struct {
	state string
	cpu   uint64 // ticks of user and system time
	start uint64 // ticks since boot: with the id it names a process for good
}

func readStat(path string) (stat, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return stat{}, err
	}
	s, err := parseStat(string(b))
	if err != nil {
		return stat{}, fmt.Errorf("%s: %w", path, err)
	}
	return s, nil
}

func parseStat(line string) (stat, error) {
	// The second field is the name in parentheses; it may hold spaces and parentheses.
	f := strings.Fields(line[strings.LastIndexByte(line, ')')+1:])
	if len(f) < 20 {
		return stat{}, fmt.Errorf("%q has too few fields", line)
	}
	user, err1 := strconv.ParseUint(f[11], 10, 63)
	system, err2 := strconv.ParseUint(f[12], 10, 63)
	start, err3 := strconv.ParseUint(f[19], 10, 64)
	return stat{f[0], user + system, start}, errors.Join(err1, err2, err3)
}

// process is a process that must still be the one it was.
type process struct {
	pid   int
	start uint64
}

func (p process) path(format string, args ...any) string {
	return fmt.Sprintf("/proc/%d/", p.pid) + fmt.Sprintf(format, args...)
}

// check fails unless the process runs, is the same as before, and nothing serves its memory by userfaultfd.
func (p process) check() error {
	s, err := readStat(p.path("stat"))
	if err != nil {
		return err
	}
	if s.start != p.start || s.state == "Z" || s.state == "X" {
		return ErrGone
	}
	fds, err := os.ReadDir(p.path("fd"))
	if err != nil {
		return err
	}
	for _, fd := range fds {
		// A file closed meanwhile is no matter. The kernel writes anon_inode:[userfaultfd] for either way to get one.
		if to, _ := os.Readlink(p.path("fd/%s", fd.Name())); to == "anon_inode:[userfaultfd]" {
			return ErrUserfault
		}
	}
	return nil
}

// mapping is a line of /proc/PID/maps.
type mapping struct {
	start, end uint64
	anonymous  bool // private and of no file: a page not present is zero
}

func parseMaps(r io.Reader) ([]mapping, error) {
	var ms []mapping
	for lines := bufio.NewScanner(r); ; {
		if !lines.Scan() {
			return ms, lines.Err()
		}
		f := strings.Fields(lines.Text())
		if len(f) < 5 {
			return nil, fmt.Errorf("mapping %q has too few fields", lines.Text())
		}
		from, to, _ := strings.Cut(f[0], "-")
		start, err1 := strconv.ParseUint(from, 16, 64)
		end, err2 := strconv.ParseUint(to, 16, 64)
		if err := errors.Join(err1, err2); err != nil {
			return nil, err
		}
		ms = append(ms, mapping{start, end, strings.HasSuffix(f[1], "p") && f[4] == "0"})
	}
}

// covered fails unless ms cover b, and says whether all of them are anonymous.
func covered(b vm.Block, ms []mapping) (anonymous bool, err error) {
	at, end, anonymous := b.HostAddr, b.HostAddr+uint64(b.Size), true
	for _, m := range ms { // in order of address
		if m.start <= at && at < m.end && at < end {
			at = m.end
			anonymous = anonymous && m.anonymous
		}
	}
	if at < end {
		return false, fmt.Errorf("nothing is mapped at %#x of the block of %v at %#x: %w",
			at, b.Size, b.HostAddr, ErrUnmapped)
	}
	return anonymous, nil
}

// backing checks that every block is mapped, and warns of what makes the numbers mean something else. It does not
// read smaps, which walks every page table: seconds for a VM of 1 TiB.
func (p process) backing(blocks []vm.Block) (warnings []string, err error) {
	f, err := os.Open(p.path("maps"))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	maps, err := parseMaps(f)
	if err != nil {
		return nil, err
	}
	anonymous := true
	for _, b := range blocks {
		a, err := covered(b, maps)
		if err != nil {
			return nil, err
		}
		anonymous = anonymous && a
	}
	if !anonymous {
		warnings = append(warnings, "guest RAM is shared or backed by a file: pages that the VM's process has not touched "+
			"itself, or that were swapped out, count as zero")
	}
	huge, err := p.hugetlb()
	if err != nil {
		return nil, err
	}
	if huge != "" {
		warnings = append(warnings, "the VM's process holds "+huge+" of hugetlb pages: memory is present in whole "+
			"huge pages, and post-copy moves each of them whole")
	}
	switch private, err := p.holds("kvm-gmem"); { // virt/kvm/guest_memfd.c
	case err != nil:
		return nil, err
	case private:
		warnings = append(warnings, "the VM has private memory (guest_memfd), which the host cannot see: it looks absent")
	}
	return warnings, nil
}

// hugetlb is how much the process holds in pages of hugetlbfs, as the kernel words it; empty: none.
func (p process) hugetlb() (string, error) {
	status, err := os.ReadFile(p.path("status"))
	if held := statusField(string(status), "HugetlbPages"); held != "0 kB" {
		return held, err
	}
	return "", err
}

func statusField(status, name string) string {
	for line := range strings.Lines(status) {
		if key, value, _ := strings.Cut(line, ":"); key == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// explain makes an error of the kernel one that says what to do.
func explain(err error) error {
	switch {
	case errors.Is(err, unix.ESRCH) || errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w (%w)", ErrGone, err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w: walm must run as root, or as the user of QEMU with CAP_SYS_PTRACE where "+
			"/proc/sys/kernel/yama/ptrace_scope is not 0", err)
	}
	return err
}
