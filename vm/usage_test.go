package vm

import (
	"slices"
	"testing"
	"time"
)

func TestShares(t *testing.T) {
	start := time.Unix(1000, 0)
	a := Usage{At: start, CPU: map[int]time.Duration{1: 0, 2: time.Second, 4: 0}, Waits: map[int]time.Duration{1: time.Second}}
	b := Usage{At: start.Add(time.Second), CPU: map[int]time.Duration{1: time.Second / 4, 2: 2010 * time.Millisecond, 3: 0},
		Waits: map[int]time.Duration{1: 1100 * time.Millisecond}}
	got, waited := a.Shares(b, []int{1, 2, 3, 4})
	if want := []float64{0.25, 1, 0, 0}; !slices.Equal(got, want) {
		t.Errorf("shares %v; want %v", got, want)
	}
	if want := []float64{0.1, 0, 0, 0}; !slices.Equal(waited, want) {
		t.Errorf("of them waited %v; want %v", waited, want)
	}
	if got, _ := b.Shares(b, []int{1}); got[0] != 0 {
		t.Errorf("in no time: %v", got)
	}
}

func TestNetwork(t *testing.T) {
	start := time.Unix(1000, 0)
	a := Usage{At: start, Traffic: map[string]Traffic{"tap0": {Received: 2_000, Sent: 1_000}}}
	b := Usage{At: start.Add(2 * time.Second), Traffic: map[string]Traffic{"tap0": {Received: 12_000, Sent: 5_000}, "tap1": {}}}
	if in, out := a.Network(b, []string{"tap0", "tap1"}); in != 5_000 || out != 2_000 {
		t.Errorf("in %v, out %v; want 5 kB/s and 2 kB/s", in, out)
	}
	if in, out := b.Network(Usage{At: b.At.Add(time.Second), Traffic: a.Traffic}, []string{"tap0"}); in != 0 || out != 0 {
		t.Errorf("an interface made anew: in %v, out %v", in, out)
	}
}
