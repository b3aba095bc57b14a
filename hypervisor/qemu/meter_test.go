package qemu

import (
	"bytes"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"walm/vm"
)

func TestMeter(t *testing.T) {
	leaks(t)
	p := offlinePair(t, newFake("10.0.2"), waiting("10.0.2"), t.TempDir())
	link, err := p.Meter(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if link.Bandwidth <= 0 || link.Err < link.Bandwidth/101 || link.RTT <= 0 || link.Source != "measured" {
		t.Errorf("%+v", link)
	}
	p.Listen = "nonsense"
	_, err = p.Meter(t.Context())
	wants(t, err, "measure the link", "nonsense")
	p.Listen = "192.0.2.1:1" // for documentation: no host has it
	_, err = p.Meter(t.Context())
	wants(t, err, "measure the link to 192.0.2.1", "listen at the destination")

	synctest.Test(t, func(t *testing.T) { // of QEMUs elsewhere the network namespaces are not known
		_, err := pairOf(t, newFake("10.0.2"), waiting("10.0.2")).Meter(t.Context())
		wants(t, err, "not on this host")
	})
}

func TestConnect(t *testing.T) {
	leaks(t)
	p := offlinePair(t, newFake("10.0.2"), waiting("10.0.2"), t.TempDir())
	out, in, err := p.path().Connect(t.Context(), p.Listen)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	if out.RemoteAddr().String() != p.Listen || in.RemoteAddr().String() != out.LocalAddr().String() {
		t.Errorf("%s to %s, and %s to %s", out.LocalAddr(), out.RemoteAddr(), in.RemoteAddr(), in.LocalAddr())
	}
	if _, err := net.Dial("tcp", p.Listen); err == nil {
		t.Error("it listens on")
	}
	go func() {
		io.WriteString(out, "through")
		out.Close()
	}()
	if b, err := io.ReadAll(in); string(b) != "through" || err != nil {
		t.Errorf("%q, %v", b, err)
	}
}

func TestPaced(t *testing.T) {
	const size = 1 << 20
	for _, rate := range []vm.Rate{0, 1e5, 1e6, 123456789} {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			n, err := io.Copy(io.Discard, paced(bytes.NewReader(make([]byte, size)), rate))
			took, want := time.Since(began), time.Duration(0)
			if rate > 0 {
				want = vm.Bytes(size).Over(rate)
			}
			// The last piece of 20 ms is not waited for.
			if n != size || err != nil || took > want || took < want-21*time.Millisecond {
				t.Errorf("%d bytes at %v took %s, want %s; %v", n, rate, took, want, err)
			}
		})
	}
	synctest.Test(t, func(t *testing.T) { // a reader that was slow may not make up for it
		r := paced(bytes.NewReader(make([]byte, size)), 1e6)
		b := make([]byte, 10000)
		for range 3 {
			r.Read(b)
			time.Sleep(time.Second)
		}
		began := time.Now()
		for range 3 {
			r.Read(b)
		}
		if took := time.Since(began); took != 20*time.Millisecond {
			t.Errorf("three reads of 10 ms each took %s", took)
		}
	})
}
