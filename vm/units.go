package vm

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Bytes is an amount of memory or traffic.
type Bytes int64

// Binary multiples of a byte, and the page that every migration works in.
const (
	KiB  Bytes = 1 << 10
	MiB  Bytes = 1 << 20
	GiB  Bytes = 1 << 30
	TiB  Bytes = 1 << 40
	Page Bytes = 4 * KiB
)

// Rate is bytes per second.
type Rate float64

// Gbit is a link speed of 10⁹ bits per second.
const Gbit Rate = 1e9 / 8

var byteUnits = []struct {
	name string
	size Bytes
}{{"TiB", TiB}, {"GiB", GiB}, {"MiB", MiB}, {"KiB", KiB}}

// String shows b in the largest binary unit that leaves at least one whole, with three digits.
func (b Bytes) String() string {
	for _, u := range byteUnits {
		if b >= u.size || -b >= u.size {
			return digits(float64(b)/float64(u.size)) + " " + u.name
		}
	}
	return strconv.FormatInt(int64(b), 10) + " B"
}

// String shows r in decimal units, as links are sold: "118 MB/s".
func (r Rate) String() string {
	for _, u := range []struct {
		name string
		size Rate
	}{{"GB/s", 1e9}, {"MB/s", 1e6}, {"kB/s", 1e3}} {
		if r >= u.size || -r >= u.size {
			return digits(float64(r/u.size)) + " " + u.name
		}
	}
	return digits(float64(r)) + " B/s"
}

// Over is how long b takes at rate r; at a rate of zero or less it never ends, which is the longest Duration.
func (b Bytes) Over(r Rate) time.Duration {
	if b <= 0 {
		return 0
	}
	ns := float64(b) / float64(r) * 1e9
	if !(r > 0) || ns >= math.MaxInt64 { // not: r <= 0, which NaN is not either
		return math.MaxInt64
	}
	return time.Duration(ns)
}

// In is how much passes at r in d.
func (r Rate) In(d time.Duration) Bytes { return Bytes(float64(r) * d.Seconds()) }

// Per is the rate of b in d; zero when d is not positive.
func (b Bytes) Per(d time.Duration) Rate {
	if d <= 0 {
		return 0
	}
	return Rate(float64(b) / d.Seconds())
}

func digits(x float64) string {
	switch a := math.Abs(x); {
	case a >= 99.95:
		return strconv.FormatFloat(x, 'f', 0, 64)
	case a >= 9.995:
		return strings.TrimSuffix(strconv.FormatFloat(x, 'f', 1, 64), ".0")
	default:
		return strings.TrimSuffix(strconv.FormatFloat(x, 'f', 2, 64), ".00")
	}
}

// ParseBytes reads "512MiB", "512M", "1.5G" (as QEMU, K M G T are binary) or "500MB" (decimal).
// A number without a unit is refused, because QEMU's and virsh's own tools read it in different units.
func ParseBytes(s string) (Bytes, error) {
	x, err := parse(s, map[string]float64{
		"b": 1, "k": 1 << 10, "kib": 1 << 10, "kb": 1e3, "m": 1 << 20, "mib": 1 << 20, "mb": 1e6,
		"g": 1 << 30, "gib": 1 << 30, "gb": 1e9, "t": 1 << 40, "tib": 1 << 40, "tb": 1e12,
	}, "512MiB")
	return Bytes(x), err
}

// ParseRate reads "1Gbit/s", "100Mbit", "10Gbps", "118MB/s" or "32MiB/s". A number without a unit is refused, and so
// are "Mb/s" and "MBps", which half of all people read as eight times the other half does.
func ParseRate(s string) (Rate, error) {
	if t := strings.TrimSpace(s); strings.HasSuffix(t, "b/s") || strings.HasSuffix(t, "Bps") || strings.HasSuffix(t, "BPS") {
		return 0, fmt.Errorf("%q can mean bits or bytes: write for example 1Gbit/s or 100MiB/s", s)
	}
	units := map[string]float64{
		"b/s": 1, "kb/s": 1e3, "mb/s": 1e6, "gb/s": 1e9, "kib/s": 1 << 10, "mib/s": 1 << 20, "gib/s": 1 << 30,
	}
	for p, x := range map[string]float64{"": 1, "k": 1e3, "m": 1e6, "g": 1e9, "t": 1e12} {
		for _, suffix := range []string{"bit", "bit/s", "bps"} {
			units[p+suffix] = x / 8
		}
	}
	x, err := parse(s, units, "1Gbit/s or 100MiB/s")
	return Rate(x), err
}

func parse(s string, units map[string]float64, example string) (float64, error) {
	t := strings.ToLower(strings.TrimSpace(s))
	cut := strings.LastIndexAny(t, "0123456789.") + 1
	x, err := strconv.ParseFloat(t[:cut], 64)
	if err != nil {
		return 0, fmt.Errorf("%q is not a number with a unit, such as %s", s, example)
	}
	unit := strings.TrimSpace(t[cut:])
	size, ok := units[unit]
	switch {
	case unit == "":
		return 0, fmt.Errorf("%q has no unit: write for example %s", s, example)
	case !ok:
		return 0, fmt.Errorf("%q has the unknown unit %q: write for example %s", s, unit, example)
	case x < 0 || math.IsNaN(x):
		return 0, fmt.Errorf("%q is negative", s)
	case x*size >= math.MaxInt64/2:
		return 0, fmt.Errorf("%q is larger than anything walm can move", s)
	}
	return x * size, nil
}
