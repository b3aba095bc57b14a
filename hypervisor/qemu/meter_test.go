package qemu

import (
	"bytes"
	"io"
	"math"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"walm/vm"
)

// burst is a link: what each read gives and how long it takes, over and over, until a deadline.
type burst struct {
	every time.Duration
	bytes func(at time.Duration) int
	began time.Time
	until time.Duration
}

func (b *burst) Read(p []byte) (int, error) {
	time.Sleep(b.every)
	at := time.Since(b.began)
	if at > b.until {
		return 0, os.ErrDeadlineExceeded
	}
	return b.bytes(at), nil
}

func TestSliceRates(t *testing.T) {
	constant := func(n int) func(time.Duration) int { return func(time.Duration) int { return n } }
	for _, tt := range []struct {
		name  string
		link  burst
		rate  vm.Rate
		least vm.Rate // of the standard error
		fails bool
	}{
		{"steady", burst{every: time.Millisecond, bytes: constant(1000), until: meterFor}, 1e6, 1e4, false},
		{"slow start and a shaper's bucket", burst{every: time.Millisecond, until: meterFor,
			bytes: func(at time.Duration) int {
				if at < meterSkip {
					return 50000
				}
				return 1000
			}}, 1e6, 1e4, false},
		{"one slice stalls", burst{every: time.Millisecond, until: meterFor,
			bytes: func(at time.Duration) int {
				if at > 400*time.Millisecond && at <= 450*time.Millisecond {
					return 1
				}
				return 1000
			}}, 1e6, 1e4, false},
		{"coarse", burst{every: 60 * time.Millisecond, bytes: constant(60000), until: meterFor}, 1e6, 1e4, false},
		{"nothing comes", burst{every: time.Minute, bytes: constant(1), until: meterFor}, 0, 0, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tt.link.began = time.Now()
				rates, err := sliceRates(&tt.link, tt.link.began)
				if (err != nil) != tt.fails {
					t.Fatal(rates, err)
				}
				if tt.fails {
					return
				}
				rate, se := middle(rates)
				if math.Abs(float64(rate-tt.rate)) > 0.03*float64(tt.rate) || se < tt.least || se > rate/10 {
					t.Errorf("%v ± %v, want %v", rate, se, tt.rate)
				}
			})
		})
	}
	if _, err := sliceRates(bytes.NewReader(nil), time.Now()); err == nil {
		t.Error("a link that breaks has a rate")
	}
}

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
	out, in, err := p.connect(t.Context(), p.Listen)
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
