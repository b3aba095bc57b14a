package vm

import (
	"math"
	"testing"
	"time"
)

func TestUsageBetween(t *testing.T) {
	at := time.Unix(1000, 0)
	a := Usage{At: at, CPU: []time.Duration{time.Second, 0}, Waits: []time.Duration{0, 0}, Received: 100, Sent: 5000}
	b := Usage{At: at.Add(4 * time.Second), CPU: []time.Duration{3 * time.Second, 9 * time.Second},
		Waits: []time.Duration{time.Second, 0}, Received: 4100, Sent: 1000}
	used, waited, in, out := a.Between(b)
	if used[0] != 0.5 || used[1] != 1 || waited[0] != 0.25 || waited[1] != 0 {
		t.Errorf("used %v, waited %v", used, waited)
	}
	if in != 1000 || out != 0 { // it counts from 0 again
		t.Errorf("in %v, out %v", in, out)
	}
	if used, _, in, _ := b.Between(b); used[0] != 0 || in != 0 || math.IsNaN(float64(in)) {
		t.Errorf("in no time: %v, %v", used, in)
	}
	if used, waited, _, _ := a.Between(Usage{At: b.At}); used != nil || waited != nil {
		t.Errorf("from what was not told: %v, %v", used, waited)
	}
}
