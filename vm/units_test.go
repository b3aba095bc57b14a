package vm

import (
	"math"
	"strings"
	"testing"
	"time"
)

func TestParseBytes(t *testing.T) {
	for _, tt := range []struct {
		text string
		want Bytes
		err  string // part of it
	}{
		{"512MiB", 512 * MiB, ""},
		{"512M", 512 * MiB, ""},
		{"512m", 512 * MiB, ""},
		{"500MB", 500e6, ""},
		{"1.5G", 3 * GiB / 2, ""},
		{" 2 GiB ", 2 * GiB, ""},
		{"1TiB", TiB, ""},
		{"1tb", 1e12, ""},
		{"4096B", 4096, ""},
		{"1e3KiB", 1000 * KiB, ""},
		{"0MiB", 0, ""},
		{".5KiB", 512, ""},
		{"0.4B", 0, ""}, // less than a byte is none

		{"512", 0, "no unit"},
		{"0", 0, "no unit"},
		{"1e3", 0, "no unit"},
		{"", 0, "not a number"},
		{"MiB", 0, "not a number"},
		{"-", 0, "not a number"},
		{"1.2.3MiB", 0, "not a number"},
		{"5MiB2", 0, "not a number"},
		{"NaNMiB", 0, "not a number"},
		{"infMiB", 0, "not a number"},
		{"1e400MiB", 0, "not a number"},
		{"٥MiB", 0, "not a number"}, // a digit, but not one of ours
		{"5МиБ", 0, "unknown unit"}, // Cyrillic
		{"5\x00MiB", 0, "unknown unit"},
		{"5MiB/s", 0, "unknown unit"},
		{"5 M iB", 0, "unknown unit"},
		{"-5MiB", 0, "negative"},
		{"1e300MiB", 0, "larger"},
		{"9223372036854775807B", 0, "larger"},
		{"8388608TiB", 0, "larger"},
	} {
		got, err := ParseBytes(tt.text)
		check(t, "ParseBytes", tt.text, float64(got), float64(tt.want), err, tt.err)
	}
}

func TestParseRate(t *testing.T) {
	for _, tt := range []struct {
		text string
		want Rate
		err  string
	}{
		{"1Gbit/s", Gbit, ""},
		{"1Gbit", Gbit, ""},
		{"1gbps", Gbit, ""},
		{"10Gbps", 10 * Gbit, ""},
		{"100Mbit", Gbit / 10, ""},
		{"64kbit/s", 8000, ""},
		{"8bit/s", 1, ""},
		{"118MB/s", 118e6, ""},
		{"118 MB/s", 118e6, ""},
		{"32MiB/s", 32 << 20, ""},
		{"1.25GB/s", 1.25e9, ""},
		{"7B/s", 7, ""},
		{"0Mbit", 0, ""},

		{"1000", 0, "no unit"},
		{"", 0, "not a number"},
		{"fast", 0, "not a number"},
		{"NaNMB/s", 0, "not a number"},
		{"1e400Mbit", 0, "not a number"},
		{"1GB", 0, "unknown unit"}, // an amount, not a rate
		{"1G", 0, "unknown unit"},
		{"1Gbit/h", 0, "unknown unit"},
		{"-1Gbit", 0, "negative"},
		{"1e300Gbit", 0, "larger"},
		// Bits or bytes? A guess that is wrong is wrong by eight.
		{"100Mb/s", 0, "bits or bytes"},
		{"1gb/s", 0, "bits or bytes"},
		{"118MBps", 0, "bits or bytes"},
		{"10GBPS ", 0, "bits or bytes"},
	} {
		got, err := ParseRate(tt.text)
		check(t, "ParseRate", tt.text, float64(got), float64(tt.want), err, tt.err)
	}
}

func check(t *testing.T, what, text string, got, want float64, err error, words string) {
	t.Helper()
	switch {
	case words == "" && err != nil:
		t.Errorf("%s(%q): %v", what, text, err)
	case words != "" && err == nil:
		t.Errorf("%s(%q) = %g; want an error", what, text, got)
	case words != "" && !strings.Contains(err.Error(), words):
		t.Errorf("%s(%q): %v; want something about %q", what, text, err, words)
	case got != want:
		t.Errorf("%s(%q) = %g; want %g", what, text, got, want)
	}
}

func TestString(t *testing.T) {
	for _, tt := range []struct {
		shown interface{ String() string }
		want  string
	}{
		{Bytes(0), "0 B"},
		{Bytes(1023), "1023 B"},
		{KiB, "1 KiB"},
		{Page, "4 KiB"},
		{1536 * KiB, "1.50 MiB"},
		{10 * MiB, "10 MiB"},
		{10*MiB + 512*KiB, "10.5 MiB"},
		{123*MiB + 400*KiB, "123 MiB"},
		{GiB, "1 GiB"},
		{-3 * GiB, "-3 GiB"},
		{2 * TiB, "2 TiB"},
		{Bytes(math.MinInt64), "-9223372036854775808 B"}, // has no positive
		{Rate(0), "0 B/s"},
		{Rate(999), "999 B/s"},
		{Rate(1500), "1.50 kB/s"},
		{Rate(118.2e6), "118 MB/s"},
		{Gbit, "125 MB/s"},
		{10 * Gbit, "1.25 GB/s"},
		{Rate(-2e6), "-2 MB/s"},
	} {
		if got := tt.shown.String(); got != tt.want {
			t.Errorf("%T %v shown as %q; want %q", tt.shown, tt.shown, got, tt.want)
		}
	}
}

func TestOver(t *testing.T) {
	const never = time.Duration(math.MaxInt64)
	for _, tt := range []struct {
		b    Bytes
		r    Rate
		want time.Duration
	}{
		{125e6, Gbit, time.Second},
		{1, 1e9, time.Nanosecond},
		{0, 100, 0},
		{0, 0, 0}, // nothing takes no time, however slow
		{-5, 100, 0},
		{1, 0, never},
		{1, -1, never},
		{1, Rate(math.NaN()), never},
		{1, Rate(math.Inf(1)), 0},
		{math.MaxInt64, 1, never},
		// Exactly as many nanoseconds as a Duration has no room for.
		{9223372036854775807, 1e9, never},
		{1, 1e-300, never},
	} {
		if got := tt.b.Over(tt.r); got != tt.want {
			t.Errorf("%d bytes over %g B/s take %d ns; want %d", int64(tt.b), float64(tt.r), got, tt.want)
		}
	}
}

func TestPerAndIn(t *testing.T) {
	for _, tt := range []struct {
		b    Bytes
		d    time.Duration
		want Rate
	}{
		{125e6, time.Second, Gbit},
		{1, time.Nanosecond, 1e9},
		{-10, time.Second, -10},
		{100, 0, 0},
		{100, -time.Second, 0},
	} {
		if got := tt.b.Per(tt.d); math.Abs(float64(got-tt.want)) > 1e-6*math.Abs(float64(tt.want)) {
			t.Errorf("%d bytes per %v = %g; want %g", int64(tt.b), tt.d, float64(got), float64(tt.want))
		}
	}
	if got := Gbit.In(80 * time.Millisecond); got != 10e6 {
		t.Errorf("1 Gbit/s in 80 ms is %d bytes", int64(got))
	}
}

// FuzzParseBytes: no text makes it panic or give a negative amount, and what it reads it reads again from its own
// notation, to the three digits that are shown.
func FuzzParseBytes(f *testing.F) {
	for _, s := range []string{"512MiB", "1.5G", "500 MB", "-1M", "1e400MiB", "NaN", "٥K", "5\u212a", "0x1p4k"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		b, err := ParseBytes(s)
		if err != nil {
			if b != 0 {
				t.Fatalf("ParseBytes(%q) = %d beside the error %v", s, int64(b), err)
			}
			return
		}
		if b < 0 {
			t.Fatalf("ParseBytes(%q) = %d", s, int64(b))
		}
		again, err := ParseBytes(b.String())
		if err != nil || math.Abs(float64(again-b)) > 0.006*float64(b) {
			t.Fatalf("%q is %d, shown as %q, and that is %d, %v", s, int64(b), b, int64(again), err)
		}
	})
}

func FuzzParseRate(f *testing.F) {
	for _, s := range []string{"1Gbit/s", "10Gbps", "118MB/s", "32 MiB/s", "100Mb/s", "-1Gbit", "1e400Gbit", "-0bit"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r, err := ParseRate(s)
		if err != nil {
			if r != 0 {
				t.Fatalf("ParseRate(%q) = %g beside the error %v", s, float64(r), err)
			}
			return
		}
		if !(r >= 0) || math.IsInf(float64(r), 0) {
			t.Fatalf("ParseRate(%q) = %g", s, float64(r))
		}
		again, err := ParseRate(r.String())
		if err != nil || math.Abs(float64(again-r)) > 0.006*float64(r)+0.006 {
			t.Fatalf("%q is %g, shown as %q, and that is %g, %v", s, float64(r), r, float64(again), err)
		}
	})
}
