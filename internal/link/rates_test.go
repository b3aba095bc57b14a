package link

import (
	"bytes"
	"errors"
	"math"
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

func TestElsewhere(t *testing.T) {
	me := os.Getpid()
	for _, p := range []Path{{}, {Source: me}, {Destination: me}} {
		if _, err := p.Meter(t.Context(), "127.0.0.1"); !errors.Is(err, ErrElsewhere) {
			t.Errorf("%+v: %v", p, err)
		}
	}
	link, err := Path{me, me}.Meter(t.Context(), "127.0.0.1")
	if err != nil || link.Bandwidth <= 0 || link.Source != "measured" {
		t.Errorf("%+v, %v", link, err)
	}
}
