package decide

import (
	"testing"
	"time"

	"walm/vm"
)

// TestRate: memory that was walked through counts up to what the link was measured at, and where it is compressed as its bytes on
// the wire.
func TestRate(t *testing.T) {
	h := history(1000, 90)
	h.Before = looked()
	now := began.Add(time.Second)
	for _, tt := range []struct {
		name   string
		sent   vm.Bytes
		packed float64
		want   vm.Rate
	}{
		{"zeros walked through", 10 * mb, 1, link},
		{"packed to a twentieth", 10 * mb, 0.05, 50 * mb},
		{"more was sent", 70 * mb, 0.05, 70 * mb},
	} {
		h.Passes[1].Sent = tt.sent
		h.Now = vm.Progress{Pass: 2, Transferred: tt.sent}
		if got := h.rate(now, tt.packed); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}
