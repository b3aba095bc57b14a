package observe

import "testing"

func TestDuplicate(t *testing.T) {
	for _, tt := range []struct {
		hashes []uint64
		want   float64
	}{
		{nil, 0},
		{[]uint64{0, 0, 0}, 0},
		{[]uint64{1, 2, 3, 4}, 0},
		{[]uint64{1, 1, 0, 3, 4}, 0.5},
		{[]uint64{1, 1, 1, 0}, 1},
	} {
		if got := duplicate(tt.hashes, 0); got != tt.want {
			t.Errorf("%v: %g; want %g", tt.hashes, got, tt.want)
		}
	}
}
