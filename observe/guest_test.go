package observe

import (
	"bufio"
	"encoding/gob"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"walm/vm"
)

// The stand-in for a VM: this test binary again, as a process that writes its memory as told and keeps a diary.
//
//	  0 ..  64 MiB  filled; the working set is its beginning
//	 64 .. 128 MiB  filled, never written again
//	128 .. 160 MiB  written, with zeros
//	160 .. 256 MiB  never touched
const (
	guestRAM    = 256 * vm.MiB
	guestFilled = 128 * vm.MiB
	guestTouch  = 160 * vm.MiB
)

// load is what the guest does.
type load struct {
	Pages     int  // working set
	Rate      int  // pages written per second
	Uniform   bool // at random; else one after the other
	Reads     bool // read in place of write
	Words     bool // the working set is of few words, all else of random numbers
	Userfault bool // hold a userfaultfd
	// Work and Rest are in turn, where there is a Rest.
	Work, Rest time.Duration
	// Sparse is memory of its own of which every eighth page is there, for the cost of looks at large VMs.
	Sparse vm.Bytes
}

// hello is what the guest tells first.
type hello struct {
	Addr   uint64
	Sparse uint64
	Thread int
}

// diary is what it tells last. Times are CLOCK_MONOTONIC, which all processes share.
type diary struct {
	Writes []write
	CPU    []stamp // of the writing thread
}

const diaryLength = 1 << 20

type write struct {
	At   int64
	Page int32
}

type stamp struct{ At, Used int64 }

func TestMain(m *testing.M) {
	switch os.Getenv("WALM_OBSERVE_TEST") {
	case "guest":
		if err := beGuest(); err != nil {
			fmt.Fprintln(os.Stderr, "guest:", err)
			os.Exit(1)
		}
	case "stranger":
		fmt.Println(beStranger())
	default:
		os.Exit(m.Run())
	}
}

func monotonic() int64 { return clock(unix.CLOCK_MONOTONIC) }

func clock(id int32) int64 {
	var t unix.Timespec
	if err := unix.ClockGettime(id, &t); err != nil {
		panic(err)
	}
	return t.Nano()
}

func beGuest() error {
	runtime.LockOSThread()
	var l load
	if err := json.Unmarshal([]byte(os.Getenv("WALM_OBSERVE_LOAD")), &l); err != nil {
		return err
	}
	ram, err := unix.Mmap(-1, 0, int(guestRAM), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return err
	}
	if err := unix.Madvise(ram, unix.MADV_NOHUGEPAGE); err != nil {
		return err
	}
	r := rand.New(rand.NewPCG(1, 2))
	words := unsafe.Slice((*uint64)(unsafe.Pointer(&ram[0])), len(ram)/8)
	for i := range words[:guestFilled/8] {
		words[i] = r.Uint64() | 1
	}
	if l.Words {
		for i := range words[:l.Pages*int(vm.Page)/8] {
			words[i] = words[len(words)/4+r.IntN(100)]
		}
	}
	clear(ram[guestFilled:guestTouch])
	if l.Userfault {
		const userModeOnly = 1 // needs no privilege
		if _, _, e := unix.Syscall(unix.SYS_USERFAULTFD, userModeOnly|unix.O_CLOEXEC, 0, 0); e != 0 {
			return fmt.Errorf("userfaultfd: %w", e)
		}
	}
	asked := make(chan struct{}) // the test has had its look, or is gone
	go func() {
		io.ReadAll(os.Stdin)
		close(asked)
	}()
	d := diary{Writes: make([]write, 0, diaryLength)}
	sparse, err := sparsely(l.Sparse)
	if err != nil {
		return err
	}
	me := hello{uint64(uintptr(unsafe.Pointer(&ram[0]))), sparse, unix.Gettid()}
	if err := json.NewEncoder(os.Stdout).Encode(me); err != nil {
		return err
	}
	start, n, sum := monotonic(), 0, uint64(0)
	for tick := time.NewTicker(time.Millisecond); ; {
		select {
		case <-asked:
			runtime.KeepAlive(sum)
			return gob.NewEncoder(os.Stdout).Encode(d)
		case <-tick.C:
		}
		d.CPU = append(d.CPU, stamp{monotonic(), clock(unix.CLOCK_THREAD_CPUTIME_ID)})
		for want := int(float64(l.Rate) * float64(l.worked(monotonic()-start)) / 1e9); n < want && n < diaryLength; n++ {
			page := n % l.Pages
			if l.Uniform {
				page = r.IntN(l.Pages)
			}
			if word := &words[page*int(vm.Page)/8+n%512]; l.Reads {
				sum += *word
			} else {
				*word++
			}
			d.Writes = append(d.Writes, write{monotonic(), int32(page)})
		}
	}
}

// worked is how many of so many nanoseconds are work.
func (l load) worked(passed int64) int64 {
	if l.Rest <= 0 {
		return passed
	}
	turn := int64(l.Work + l.Rest)
	return passed/turn*int64(l.Work) + min(passed%turn, int64(l.Work))
}

// sparsely maps size bytes and touches every eighth page.
func sparsely(size vm.Bytes) (addr uint64, err error) {
	if size == 0 {
		return 0, nil
	}
	area, err := unix.Mmap(-1, 0, int(size), unix.PROT_READ|unix.PROT_WRITE,
		unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_NORESERVE)
	if err != nil {
		return 0, err
	}
	if err := unix.Madvise(area, unix.MADV_NOHUGEPAGE); err != nil {
		return 0, err
	}
	for at := 0; at < len(area); at += 8 * int(vm.Page) {
		*(*int)(unsafe.Pointer(&area[at])) = at + 1
	}
	return uint64(uintptr(unsafe.Pointer(&area[0]))), nil
}

// guest is the test's side of it.
type guest struct {
	t     testing.TB
	cmd   *exec.Cmd
	stdin io.Closer
	out   *bufio.Reader
	hello
}

func startGuest(t testing.TB, l load) *guest {
	t.Helper()
	spec, err := json.Marshal(l)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "WALM_OBSERVE_TEST=guest", "WALM_OBSERVE_LOAD="+string(spec))
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	g := &guest{t: t, cmd: cmd, stdin: stdin, out: bufio.NewReader(stdout)}
	line, err := g.out.ReadBytes('\n')
	if err != nil {
		t.Fatalf("the guest did not start: %v", err)
	}
	if err := json.Unmarshal(line, &g.hello); err != nil {
		t.Fatal(err)
	}
	return g
}

// host observes the guest, whose RAM is told as three blocks of odd sizes and out of order.
func (g *guest) host() *Host {
	g.t.Helper()
	cuts := []vm.Bytes{0, 100 * vm.MiB, 100*vm.MiB + 3*vm.Page, guestRAM}
	var blocks []vm.Block
	for i := range cuts[1:] {
		blocks = append(blocks, vm.Block{
			GuestAddr: uint64(cuts[i]), HostAddr: g.Addr + uint64(cuts[i]), Size: cuts[i+1] - cuts[i]})
	}
	slices.Reverse(blocks)
	h, err := NewHost(vm.Layout{PID: g.cmd.Process.Pid, Blocks: blocks, VCPUs: []int{g.Thread}})
	if err != nil {
		g.t.Fatal(err)
	}
	h.Seed = 42
	h.Windows = Windows(400 * time.Millisecond)
	return h
}

// diary ends the guest and returns what it did.
func (g *guest) diary() (d diary) {
	g.t.Helper()
	g.stdin.Close()
	if err := gob.NewDecoder(g.out).Decode(&d); err != nil {
		g.t.Fatal(err)
	}
	return d
}

// unique is the memory written in (from, from+window].
func (d diary) unique(from, window int64) vm.Bytes {
	seen := map[int32]bool{}
	lo, _ := slices.BinarySearchFunc(d.Writes, from, func(w write, at int64) int { return int(w.At - at) })
	for _, w := range d.Writes[lo:] {
		if w.At > from+window {
			break
		}
		seen[w.Page] = true
	}
	return vm.Bytes(len(seen)) * vm.Page
}

// between is the least and the most memory written in any window that began between from and to.
func (d diary) between(from, to int64, window time.Duration) (lo, hi vm.Bytes) {
	lo = guestRAM
	for at := from; at <= to; at += int64(time.Millisecond) {
		u := d.unique(at, int64(window))
		lo, hi = min(lo, u), max(hi, u)
	}
	return lo, hi
}

// present counts the pages of the part never touched that the guest's process has all the same.
func (g *guest) present() (n int) {
	g.t.Helper()
	m, err := openMemory(g.cmd.Process.Pid)
	if err != nil {
		g.t.Fatal(err)
	}
	defer m.close()
	for off := guestTouch; off < guestRAM; off += vm.Page {
		entry, err := m.entry(g.Addr + uint64(off))
		if err != nil {
			g.t.Fatal(err)
		}
		if entry&(pagemapPresent|pagemapSwapped) != 0 {
			n++
		}
	}
	return n
}
