//go:build lab

package netlab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"walm/vm"
)

// start brings up a network for the test, and takes it down after it.
func start(t *testing.T, spec Spec) *Net {
	t.Helper()
	spec.ID = fmt.Sprintf("test-%d-%s", os.Getpid(), spec.ID)
	n, err := Up(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Down(); err != nil {
			t.Error(err)
		}
		none(t, spec.ID)
	})
	return n
}

// none fails the test if anything of the lab id is left.
func none(t *testing.T, id string) {
	t.Helper()
	left, err := Remains()
	if err != nil || slices.Contains(left, id) {
		t.Errorf("%s is left: %v, %v", id, left, err)
	}
}

// in does f in a namespace and returns what it returns.
func in[T any](t *testing.T, namespace string, f func() (T, error)) T {
	t.Helper()
	var got T
	err := Do(namespace, func() (err error) {
		got, err = f()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// echo answers every datagram that comes to host, until the test ends.
func echo(t *testing.T, host Host) *net.UDPAddr {
	at := net.UDPAddrFromAddrPort(netip.AddrPortFrom(host.Addr, 7))
	server := in(t, host.Namespace, func() (*net.UDPConn, error) { return net.ListenUDP("udp4", at) })
	t.Cleanup(func() { server.Close() })
	go func() {
		b := make([]byte, 64)
		for {
			size, from, err := server.ReadFromUDP(b)
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err == nil {
				server.WriteToUDP(b[:size], from)
			}
		}
	}()
	return at
}

// ping is the time from a datagram to its echo; it sends again every wait, and gives up after tries.
func ping(conn *net.UDPConn, wait time.Duration, tries int) (time.Duration, error) {
	b := make([]byte, 64)
	var err error
	for range tries {
		sent := time.Now()
		if _, err = conn.Write([]byte("ping")); err != nil {
			continue
		}
		conn.SetReadDeadline(sent.Add(wait))
		if _, err = conn.Read(b); err == nil {
			return time.Since(sent), nil
		}
	}
	return 0, err
}

func TestUp(t *testing.T) {
	for _, spec := range []Spec{{ID: "shared", Rate: vm.Gbit}, {ID: "separate", Separate: true}} {
		t.Run(spec.ID, func(t *testing.T) {
			begun := time.Now()
			n := start(t, spec)
			t.Logf("up in %v, fair queue %t", time.Since(begun), n.Fair())
			to := echo(t, n.Host(B))
			conn := in(t, n.Host(A).Namespace, func() (*net.UDPConn, error) { return net.DialUDP("udp4", nil, to) })
			defer conn.Close()
			rtt, err := ping(conn, time.Second, 5)
			if err != nil {
				t.Fatalf("a does not reach b: %v", err)
			}
			t.Logf("first answer after %v", rtt)
			if _, err := Up(t.Context(), n.spec); err == nil || !strings.Contains(err.Error(), "another lab") {
				t.Errorf("up twice: %v", err)
			}
			if _, err := ping(conn, time.Second, 5); err != nil {
				t.Errorf("the second Up broke the first: %v", err)
			}
			if err := n.Down(); err != nil {
				t.Error(err)
			}
			if err := n.Down(); err != nil {
				t.Errorf("down twice: %v", err)
			}
			if _, err := n.Counters(); !errors.Is(err, errDown) {
				t.Errorf("counters of a network that is down: %v", err)
			}
		})
	}
}

func TestClientReachesHosts(t *testing.T) {
	n := start(t, Spec{ID: "client"})
	for _, side := range []Side{A, B} {
		to := echo(t, n.Host(side))
		conn := in(t, n.Client().Namespace, func() (*net.UDPConn, error) { return net.DialUDP("udp4", nil, to) })
		defer conn.Close()
		if _, err := ping(conn, time.Second, 5); err != nil {
			t.Errorf("the client does not reach %s: %v", side, err)
		}
	}
}

// The tap is as QEMU's -netdev tap wants it: it can be opened by name with a virtio header, and by one queue only.
func TestTap(t *testing.T) {
	n := start(t, Spec{ID: "tap"})
	in(t, n.Host(A).Namespace, func() (struct{}, error) {
		for flags, ok := range map[uint16]bool{
			unix.IFF_TAP | unix.IFF_NO_PI | unix.IFF_VNET_HDR:                        true,
			unix.IFF_TAP | unix.IFF_NO_PI | unix.IFF_VNET_HDR | unix.IFF_MULTI_QUEUE: false,
		} {
			fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC, 0)
			if err != nil {
				return struct{}{}, err
			}
			defer unix.Close(fd)
			req, err := unix.NewIfreq(Tap)
			if err != nil {
				return struct{}{}, err
			}
			req.SetUint16(flags)
			if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, req); (err == nil) != ok {
				t.Errorf("open %s with flags %#x: %v", Tap, flags, err)
			}
		}
		return struct{}{}, nil
	})
}

// pour sends TCP from a to b for d, and returns the rate at which b got it and how many segments were sent again.
func pour(t *testing.T, n *Net, d time.Duration) (rate vm.Rate, resent uint32) {
	t.Helper()
	host := n.Host(B)
	l := in(t, host.Namespace, func() (net.Listener, error) { return net.Listen("tcp4", host.Addr.String()+":0") })
	defer l.Close()
	type received struct {
		size vm.Bytes
		took time.Duration
	}
	got := make(chan received, 1)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		begun := time.Now()
		size, _ := io.Copy(struct{ io.Writer }{io.Discard}, conn)
		got <- received{vm.Bytes(size), time.Since(begun)}
	}()
	conn := in(t, n.Host(A).Namespace, func() (net.Conn, error) { return net.Dial("tcp4", l.Addr().String()) })
	defer conn.Close()
	block := make([]byte, 256<<10)
	for begun := time.Now(); time.Since(begun) < d; {
		if _, err := conn.Write(block); err != nil {
			t.Fatal(err)
		}
	}
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if err := raw.Control(func(fd uintptr) {
		info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
		if err != nil {
			t.Fatal(err)
		}
		resent = info.Total_retrans
	}); err != nil {
		t.Fatal(err)
	}
	conn.Close()
	r := <-got
	return r.size.Per(r.took), resent
}

// A shaped link carries its rate, less headers, and never more. How much less depends on how busy the machine is, so
// the lower bound is half the rate, or an eighth of what the machine carries unshaped, if that is less.
func TestShape(t *testing.T) {
	n := start(t, Spec{ID: "shape"})
	free, resent := pour(t, n, time.Second)
	t.Logf("unshaped: %v, %d resent", free, resent)
	for _, nominal := range []vm.Rate{vm.Gbit, vm.Gbit / 10, 10 * vm.Gbit, vm.Gbit / 4} {
		if err := n.Shape(nominal); err != nil {
			t.Fatal(err)
		}
		before, err := n.Counters()
		if err != nil {
			t.Fatal(err)
		}
		const d = 2 * time.Second
		rate, resent := pour(t, n, d)
		after, err := n.Counters()
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("at %v: %v, %.1f %%, %d resent, %v counted at a",
			nominal, rate, 100*float64(rate/nominal), resent, after[A].Sent-before[A].Sent)
		if rate > nominal || rate < min(nominal/2, free/8) {
			t.Errorf("a link of %v carries %v", nominal, rate)
		}
		if sent := float64(rate.In(d)) / 1448; float64(resent) > sent/100 {
			t.Errorf("at %v, %d of about %.0f segments were resent", nominal, resent, sent)
		}
	}
	if err := n.Shape(0); err != nil {
		t.Fatal(err)
	}
	if err := n.Shape(0); err != nil {
		t.Errorf("lift a limit that is not there: %v", err)
	}
}

// Changing the rate mid-flight takes effect on a connection that is busy.
func TestShapeInFlight(t *testing.T) {
	n := start(t, Spec{ID: "flight", Rate: vm.Gbit})
	first, err := n.Counters()
	if err != nil {
		t.Fatal(err)
	}
	shaped := make(chan error, 1)
	go func() {
		for t.Context().Err() == nil {
			now, err := n.Counters()
			if err != nil {
				shaped <- err
				return
			}
			if now[A].Sent-first[A].Sent > 20*vm.MiB {
				shaped <- n.Shape(vm.Gbit / 10)
				return
			}
			time.Sleep(5 * time.Millisecond)
		}
	}()
	for range 10 { // a starved machine does not come to 20 MiB at once
		rate, _ := pour(t, n, 3*time.Second)
		select {
		case err := <-shaped:
			if err != nil {
				t.Fatal(err)
			}
			// 20 MiB fast, then at most 3 s at a tenth.
			t.Logf("%v over all", rate)
			if rate > 60e6 {
				t.Errorf("%v over all: the rate was not lowered", rate)
			}
			return
		default:
			t.Logf("%v over all, which was not enough to lower the rate", rate)
		}
	}
	t.Fatal("20 MiB did not get through in 30 s")
}

// While a migration's worth of TCP fills the link, a probe still gets through, with no more than the queue's wait.
func TestProbeBesideTransfer(t *testing.T) {
	n := start(t, Spec{ID: "probe", Rate: vm.Gbit})
	to := echo(t, n.Host(A))
	conn := in(t, n.Client().Namespace, func() (*net.UDPConn, error) { return net.DialUDP("udp4", nil, to) })
	defer conn.Close()
	var waits []time.Duration
	lost := 0
	ctx, stop := context.WithCancel(t.Context())
	var probing sync.WaitGroup
	probing.Go(func() {
		for ctx.Err() == nil {
			d, err := ping(conn, time.Second, 1)
			if err != nil {
				lost++
			}
			waits = append(waits, d)
		}
	})
	rate, resent := pour(t, n, 2*time.Second)
	stop()
	probing.Wait()
	t.Logf("fair %t: beside the probe %v, %d resent", n.Fair(), rate, resent)
	slices.Sort(waits)
	t.Logf("%d probes, %d lost: median %v, p99 %v, longest %v", len(waits), lost,
		waits[len(waits)/2], waits[len(waits)*99/100], waits[len(waits)-1])
	if lost > len(waits)/10 {
		t.Errorf("%d of %d probes were lost", lost, len(waits))
	}
}

func TestCounters(t *testing.T) {
	for _, spec := range []Spec{{ID: "count", Rate: vm.Gbit}, {ID: "count-sep", Rate: vm.Gbit, Separate: true}} {
		n := start(t, spec)
		to := echo(t, n.Host(B))
		conn := in(t, n.Host(A).Namespace, func() (*net.UDPConn, error) { return net.DialUDP("udp4", nil, to) })
		defer conn.Close()
		if _, err := ping(conn, time.Second, 5); err != nil {
			t.Fatal(err)
		}
		before, err := n.Counters()
		if err != nil {
			t.Fatal(err)
		}
		const pings, frame = 100, 14 + 20 + 8 + 4
		for range pings {
			if _, err := ping(conn, time.Second, 5); err != nil {
				t.Fatal(err)
			}
		}
		after, err := n.Counters()
		if err != nil {
			t.Fatal(err)
		}
		for _, side := range []Side{A, B} {
			sent, got := after[side].Sent-before[side].Sent, after[side].Received-before[side].Received
			for _, x := range []vm.Bytes{sent, got} {
				if x < pings*frame || x > 2*pings*frame { // a probe sent again, an ARP
					t.Errorf("%s: %d bytes counted at %s, want %d", spec.ID, x, side, pings*frame)
				}
			}
		}
		begun := time.Now()
		for range 100 {
			if _, err := n.Counters(); err != nil {
				t.Fatal(err)
			}
		}
		t.Logf("%s: %v each", spec.ID, time.Since(begun)/100)
	}
}

func TestCutAndMend(t *testing.T) {
	for _, spec := range []Spec{{ID: "cut"}, {ID: "cut-sep", Separate: true}} {
		n := start(t, spec)
		to := echo(t, n.Host(B))
		conn := in(t, n.Host(A).Namespace, func() (*net.UDPConn, error) { return net.DialUDP("udp4", nil, to) })
		defer conn.Close()
		if _, err := ping(conn, time.Second, 5); err != nil {
			t.Fatal(err)
		}
		if err := n.Cut(B); err != nil {
			t.Fatal(err)
		}
		if _, err := ping(conn, 50*time.Millisecond, 3); err == nil {
			t.Errorf("%s: a reaches b over a cut link", spec.ID)
		}
		if err := n.Mend(B); err != nil {
			t.Fatal(err)
		}
		if _, err := ping(conn, time.Second, 5); err != nil {
			t.Errorf("%s: a does not reach b over a mended link: %v", spec.ID, err)
		}
	}
}

// What fails half-way leaves nothing of its own, and nothing of others' is touched.
func TestFailureHalfWay(t *testing.T) {
	id := fmt.Sprintf("test-%d-half", os.Getpid())
	broken := Spec{ID: id}.plan()
	broken.links[5].end.name = "a-name-too-long-for-an-interface"
	if n, err := up(t.Context(), Spec{ID: id}, broken); err == nil || n != nil {
		t.Errorf("a broken link: %v", err)
	}
	none(t, id)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Up(ctx, Spec{ID: id}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	none(t, id)

	others := namespace(id, middle)
	if err := create(others); err != nil {
		t.Fatal(err)
	}
	if _, err := Up(t.Context(), Spec{ID: id}); err == nil {
		t.Error("took a namespace of another")
	}
	for _, role := range []string{"a", "b", client} {
		if _, err := os.Stat(filepath.Join(names, namespace(id, role))); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is left: %v", role, err)
		}
	}
	if err := Do(others, func() error { return nil }); err != nil {
		t.Errorf("the other's is gone: %v", err)
	}
	if err := remove(others); err != nil {
		t.Error(err)
	}
}

// After a crash another process finds the lab and removes it, with what was only half-made.
func TestRemove(t *testing.T) {
	id := fmt.Sprintf("test-%d-crash", os.Getpid())
	if _, err := Up(t.Context(), Spec{ID: id, Rate: vm.Gbit}); err != nil { // and then forget it
		t.Fatal(err)
	}
	half := filepath.Join(names, namespace(id+"-half", middle)) // a name that nothing was mounted on yet
	if err := os.WriteFile(half, nil, 0o444); err != nil {
		t.Fatal(err)
	}
	found, err := Remains()
	if err != nil || !slices.Contains(found, id) || !slices.Contains(found, id+"-half") {
		t.Fatalf("remains %v, %v", found, err)
	}
	for range 2 { // once more is no error
		for _, id := range []string{id, id + "-half"} {
			if err := Remove(id); err != nil {
				t.Error(err)
			}
			none(t, id)
		}
	}
}

// inode names the network namespace of a thread or process, or of a file.
func inode(t *testing.T, path string) uint64 {
	t.Helper()
	var s unix.Stat_t
	if err := unix.Stat(path, &s); err != nil {
		t.Error(err)
	}
	return s.Ino
}

// A process started inside stays there and outlives Do, even with a parent-death signal; no thread stays behind.
func TestDo(t *testing.T) {
	n := start(t, Spec{ID: "do"})
	home := inode(t, "/proc/self/ns/net")
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			host := n.Host([]Side{A, B}[i%2])
			child := exec.Command("cat")
			child.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
			stdin, err := child.StdinPipe()
			if err != nil {
				t.Error(err)
				return
			}
			if err := Do(host.Namespace, child.Start); err != nil {
				t.Error(err)
				return
			}
			got := inode(t, fmt.Sprintf("/proc/%d/ns/net", child.Process.Pid))
			if want := inode(t, filepath.Join(names, host.Namespace)); got != want {
				t.Errorf("a child started in %s is in namespace %d, want %d", host.Namespace, got, want)
			}
			stdin.Close()
			if err := child.Wait(); err != nil {
				t.Errorf("the child did not live until its input ended: %v", err)
			}
		})
	}
	wg.Wait()
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	for _, thread := range threads {
		got, err := os.Stat("/proc/self/task/" + thread.Name() + "/ns/net")
		if err == nil && got.Sys().(*syscall.Stat_t).Ino != home { // a thread may have ended since
			t.Errorf("thread %s stayed in another namespace", thread.Name())
		}
	}
	wrong := errors.New("wrong")
	if err := Do(n.Client().Namespace, func() error { return wrong }); err != wrong {
		t.Errorf("Do returns %v", err)
	}
	if err := Do("walm-none-a", func() error { return nil }); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("into no namespace: %v", err)
	}
}
