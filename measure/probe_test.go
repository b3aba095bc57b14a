package measure

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

const echoProcess = "WALM_TEST_ECHO_PROCESS"

// TestMain is also the echo service of BenchmarkProbe, whose CPU time must not count.
func TestMain(m *testing.M) {
	if os.Getenv(echoProcess) == "" {
		goleak.VerifyTestMain(m)
		return
	}
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		panic(err)
	}
	fmt.Println(conn.LocalAddr())
	buf := make([]byte, 64)
	for {
		n, from, err := conn.ReadFromUDPAddrPort(buf)
		if err != nil {
			panic(err)
		}
		conn.WriteToUDPAddrPort(buf[:n], from)
	}
}

// echoServer answers each datagram with those that script makes of it, and closes reached once it saw probe until.
func echoServer(tb testing.TB, until uint32, script func(seq uint32, packet []byte) [][]byte) (
	addr net.Addr, reached <-chan struct{}) {
	tb.Helper()
	conn := listen(tb)
	saw, ended := make(chan struct{}), make(chan struct{})
	tb.Cleanup(func() { conn.Close(); <-ended })
	go func() {
		defer close(ended)
		buf := make([]byte, 64)
		open := true
		for {
			n, from, err := conn.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			seq := binary.BigEndian.Uint32(buf[12:])
			for _, answer := range script(seq, buf[:n]) {
				conn.WriteToUDPAddrPort(answer, from)
			}
			if open && seq >= until {
				open = false
				close(saw)
			}
		}
	}()
	return conn.LocalAddr(), saw
}

func listen(tb testing.TB) *net.UDPConn {
	tb.Helper()
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { conn.Close() })
	return conn
}

func TestProbeSeesSilence(t *testing.T) {
	addr, reached := echoServer(t, 300, func(seq uint32, packet []byte) [][]byte {
		if 100 <= seq && seq < 200 {
			return nil
		}
		return [][]byte{packet}
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-reached; cancel() }()
	echoes, err := Probe(ctx, listen(t), addr, time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	if len(echoes) <= 300 {
		t.Fatalf("%d probes, the server saw more than 300", len(echoes))
	}
	for i, e := range echoes {
		if e.Seq != i {
			t.Fatalf("probe %d has number %d", i, e.Seq)
		}
		if silent := 100 <= i && i < 200; silent != e.At.IsZero() {
			t.Fatalf("probe %d: answered %v, want silence %v", i, !e.At.IsZero(), silent)
		}
		if !e.At.IsZero() && !e.At.After(e.Sent) {
			t.Fatalf("probe %d was answered %v after it was sent", i, e.At.Sub(e.Sent))
		}
		if i > 0 && !e.Sent.After(echoes[i-1].Sent) {
			t.Fatalf("probe %d left no later than the one before", i)
		}
	}
	// How long the silence was depends on how late a busy machine answered before it, so ask the arrivals.
	s := service(Evidence{Probes: echoes}, new(notes))
	if silent := echoes[200].At.Sub(echoes[99].At) - s.MedianGap; s.Lost != 100 || s.Downtime < silent {
		t.Errorf("%d lost, downtime %v, want 100 and at least %v", s.Lost, s.Downtime, silent)
	}
}

func TestProbeIgnoresWhatIsNotItsAnswer(t *testing.T) {
	copied := make(map[uint32]time.Time) // when the server sent the copy; read after the server has ended
	first := make(map[uint32][]byte)
	forge := func(packet []byte, at int, with byte) []byte {
		p := append([]byte(nil), packet...)
		p[at] ^= with
		return p
	}
	addr, reached := echoServer(t, 120, func(seq uint32, packet []byte) [][]byte {
		switch {
		case seq < 10:
			return [][]byte{forge(packet, 0, 1)} // magic
		case seq < 20:
			return [][]byte{forge(packet, 4, 1)} // run
		case seq < 30:
			return [][]byte{packet[:size-1], append(forge(packet, 0, 0), 0)} // length
		case seq < 40:
			return [][]byte{forge(packet, 12, 0x80)} // a probe that was never sent
		case seq < 60:
			first[seq] = forge(packet, 0, 0)
			return [][]byte{packet}
		case first[seq-50] != nil:
			copied[seq-50] = time.Now()
			return [][]byte{first[seq-50], packet}
		}
		return [][]byte{packet}
	})
	p, err := StartProbe(listen(t), addr, time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	<-reached
	echoes, err := p.Stop()
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range echoes {
		if forged := i < 40; forged != e.At.IsZero() {
			t.Errorf("probe %d: answered %v", i, !e.At.IsZero())
		}
	}
	if len(copied) != 20 {
		t.Fatalf("%d copies were sent", len(copied))
	}
	for seq, at := range copied {
		if echoes[seq].At.After(at) {
			t.Errorf("probe %d: its copy, sent %v later, was taken", seq, at.Sub(echoes[seq].At))
		}
	}
	if again, err := p.Stop(); err != nil || len(again) != len(echoes) {
		t.Errorf("stopped again: %d probes, %v; had %d", len(again), err, len(echoes))
	}
}

func TestProberTellsItsSilence(t *testing.T) {
	addr, reached := echoServer(t, 100, func(seq uint32, packet []byte) [][]byte {
		if seq >= 50 {
			return nil
		}
		return [][]byte{packet}
	})
	began := time.Now()
	p, err := StartProbe(listen(t), addr, time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	<-reached
	echoes, err := p.Stop()
	if err != nil {
		t.Fatal(err)
	}
	if got, want := p.Last(), echoes[49].At; !got.Equal(want) {
		t.Errorf("last answer at %v, want %v", got.Sub(began), want.Sub(began))
	}
	if got := p.Silent(echoes[49].At.Add(time.Second)); got != time.Second {
		t.Errorf("silent for %v, want 1 s", got)
	}
}

func TestProberNobodyAnswers(t *testing.T) {
	gone := listen(t)
	gone.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	p, err := StartProbe(listen(t), gone.LocalAddr(), time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	echoes, err := p.until(ctx)
	if err != nil || !p.Last().IsZero() {
		t.Errorf("%d probes, last answer %v, %v", len(echoes), p.Last(), err)
	}
}

func TestProberReportsWhatItCannotDo(t *testing.T) {
	conn := listen(t)
	if _, err := StartProbe(conn, conn.LocalAddr(), 0); err == nil {
		t.Error("an interval of zero was taken")
	}
	p, err := StartProbe(conn, conn.LocalAddr(), time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	<-p.done
	if _, err := p.Stop(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the socket was closed: %v", err)
	}
}

func TestPing(t *testing.T) {
	conn, err := net.ListenPacket("ip4:icmp", "127.0.0.1")
	if errors.Is(err, syscall.EPERM) {
		t.Skip("a raw socket needs CAP_NET_RAW")
	}
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx, cancel := context.WithCancel(t.Context())
	p, err := StartPing(conn.(*net.IPConn), &net.IPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	for p.Last().IsZero() { // the kernel answers
		select {
		case <-p.done:
			t.Fatal("the ping ended by itself")
		case <-time.After(PingEvery):
		}
	}
	cancel()
	echoes, err := p.until(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range echoes {
		if e.At.IsZero() {
			t.Errorf("ping %d of loopback was not answered", e.Seq)
		}
	}
}

func TestEchoRequest(t *testing.T) {
	for _, v6 := range []bool{false, true} {
		e := echoRequest{v6: v6, run: 0x1122334455667788}
		var packet [size]byte
		e.encode(packet[:], 70_000)
		if !v6 && checksum(packet[:]) != 0 {
			t.Errorf("checksum of the whole is %#x, want 0", checksum(packet[:]))
		}
		if _, ok := e.decode(packet[:]); ok {
			t.Error("a request passed as a reply")
		}
		packet[0] = 0
		if v6 {
			packet[0] = 129
		}
		if seq, ok := e.decode(packet[:]); !ok || seq != 70_000 {
			t.Errorf("v6 %v: reply read as %d, %v", v6, seq, ok)
		}
		raw := append(append([]byte{0x45}, make([]byte, 19)...), packet[:]...)
		if seq, ok := e.decode(raw); !v6 && (!ok || seq != 70_000) {
			t.Errorf("reply with IP header read as %d, %v", seq, ok)
		}
		other := echoRequest{v6: v6, run: 1}
		if _, ok := other.decode(packet[:]); ok {
			t.Error("a reply to another run was taken")
		}
	}
}

// FuzzDecode feeds what any host may send.
func FuzzDecode(f *testing.F) {
	f.Add([]byte{0x4f, 0, 0})
	f.Add(append([]byte{0x4f}, make([]byte, 25)...))
	f.Add(make([]byte, size))
	f.Fuzz(func(t *testing.T, packet []byte) {
		if _, ok := (datagram{run: 1 << 40}).decode(packet); ok && packet[6] != 1 {
			t.Errorf("% x passed as an answer", packet)
		}
		for _, v6 := range []bool{false, true} {
			if _, ok := (echoRequest{v6: v6, run: 1}).decode(packet); ok && len(packet) < size {
				t.Errorf("% x passed as a reply", packet)
			}
		}
	})
}

// BenchmarkProbe takes a millisecond an operation, by design; what counts is the share of a core.
func BenchmarkProbe(b *testing.B) {
	server := exec.CommandContext(b.Context(), os.Args[0])
	server.Env = append(os.Environ(), echoProcess+"=1")
	out, err := server.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := server.Start(); err != nil {
		b.Fatal(err)
	}
	defer server.Wait()
	defer server.Process.Kill()
	var addr string
	if _, err := fmt.Fscanln(out, &addr); err != nil {
		b.Fatal(err)
	}
	to, err := net.ResolveUDPAddr("udp4", addr)
	if err != nil {
		b.Fatal(err)
	}

	b.ReportAllocs()
	b.ResetTimer()
	before, began := cpuTime(), time.Now()
	p, err := StartProbe(listen(b), to, time.Millisecond)
	if err != nil {
		b.Fatal(err)
	}
	<-time.After(time.Duration(b.N) * time.Millisecond)
	b.ReportMetric(100*(cpuTime()-before).Seconds()/time.Since(began).Seconds(), "%core")
	echoes, err := p.Stop()
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(len(echoes))/float64(b.N), "probes/op")
	s := service(Evidence{Probes: echoes}, new(notes))
	b.ReportMetric(float64(s.MedianGap), "median-gap-ns")
	b.ReportMetric(float64(s.Downtime), "longest-gap-ns")
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
