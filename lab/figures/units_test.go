package figures

import (
	"math"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/plot"

	"walm/lab/results"
)

func TestNumber(t *testing.T) {
	for level, want := range map[string]float64{"5000": 5000, "30%": 30, "128MiB": 128 << 20, "1Gbit/s": 125e6, "300ms": 0.3, "0": 0} {
		if got, ok := number(level); !ok || math.Abs(got-want) > 1e-9*want {
			t.Errorf("%q is %v, %v; want %v", level, got, ok, want)
		}
	}
	for _, level := range []string{"", "max", "pre-copy", "%", "NaN", "Inf", "1Gbit/s fast"} {
		if got, ok := number(level); ok {
			t.Errorf("%q is taken for the number %v", level, got)
		}
	}
}

func TestAxis(t *testing.T) {
	for _, c := range []struct {
		levels     string
		log, named bool
	}{
		{"0 1024MiB 2048MiB 8192MiB", false, false},
		{"10Mbit/s 100Mbit/s 1Gbit/s 10Gbit/s", true, false},
		{"0 5000 20000 max", false, true},
		{"pre-copy hybrid", false, true},
		{"0 1 1000000", false, true}, // too close on a straight axis, and none is on a logarithmic one
		{"7", false, true},
	} {
		if a := newAxis(strings.Fields(c.levels)); a.log != c.log || a.named != c.named {
			t.Errorf("%s: log %v, named %v", c.levels, a.log, a.named)
		}
	}
}

// FuzzAxis: whatever levels are called, each has a finite place within the axis.
func FuzzAxis(f *testing.F) {
	f.Add("0 1 2")
	f.Add("-1e300 1e300 max")
	f.Add("1KiB 1ms 1%")
	f.Fuzz(func(t *testing.T, text string) {
		levels := strings.Fields(text)
		if len(levels) == 0 {
			return
		}
		a := newAxis(levels)
		for _, l := range levels {
			if at := a.at[l]; !(at >= a.lo && at <= a.hi) || a.log && at <= 0 {
				t.Errorf("%q is at %v of %v … %v (log %v)", l, at, a.lo, a.hi, a.log)
			}
		}
	})
}

func TestScaleFor(t *testing.T) {
	for _, c := range []struct {
		unit string
		top  float64
		want string
	}{
		{"s", 12, "s"}, {"s", 0.4, "ms"}, {"s", 0.0004, "µs"}, {"s", 0, "s"}, {"B", 5 << 30, "GiB"}, {"B", 3 << 20, "MiB"}, {"B", 12, "B"},
		{"B/s", 125e6, "Mbit/s"}, {"B/s", 1250e6, "Gbit/s"}, {"cores", 2, "cores"}, {"", 2, ""},
	} {
		if got := scaleFor(c.unit, c.top); got.name != c.want {
			t.Errorf("%g %s is shown in %q, want %q", c.top, c.unit, got.name, c.want)
		}
	}
}

func TestThree(t *testing.T) {
	for x, want := range map[float64]string{0: "0", 1.234: "1.23", 12.34: "12.3", 123.4: "123", 999.6: "1,000", 1234567: "1,234,567",
		0.01234: "0.0123", -3.14159: "−3.14", math.Inf(1): "∞", math.NaN(): "–", 4e-9: "0.000000004"} {
		if got := three(x); got != want {
			t.Errorf("%v is shown as %q, want %q", x, got, want)
		}
	}
}

func TestTicks(t *testing.T) {
	labels := func(ts []plot.Tick) string {
		var s []string
		for _, t := range ts {
			s = append(s, t.Label)
		}
		return strings.Join(s, " ")
	}
	for _, c := range []struct{ got, want string }{
		{labels(evenTicks{}.Ticks(0, 10)), "0 2 4 6 8 10"},
		{labels(evenTicks{}.Ticks(0, 0.3)), "0 0.05 0.1 0.15 0.2 0.25 0.3"},
		{labels(evenTicks{}.Ticks(-1, 5)), "−1 0 1 2 3 4 5"},
		{labels(evenTicks{}.Ticks(0, 60000)), "0 10,000 20,000 30,000 40,000 50,000 60,000"},
		{labels(evenTicks{}.Ticks(0, 0)), ""},
		{labels(evenTicks{}.Ticks(0, math.Inf(1))), ""},
		{labels(logTicks{}.Ticks(0, 10)), ""},
		{labels(logTicks{}.Ticks(0.8, 30)), "1 2 5 10 20"},
	} {
		if c.got != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
}

func TestRampRises(t *testing.T) {
	last := -1.0
	for i := range 101 {
		c := ramp(float64(i) / 100)
		light := 0.2126*float64(c.R) + 0.7152*float64(c.G) + 0.0722*float64(c.B)
		if light <= last {
			t.Fatalf("at %d %% it is no lighter than before: %v after %v", i, light, last)
		}
		last = light
	}
}

func TestWarnings(t *testing.T) {
	set := madeUp(t)
	set.Damaged = []string{"line 9: torn"}
	set.Header.Trials += 2
	set.Trials[1].Outcome.Loss.Baseline *= 1.05
	all := strings.Join(Warnings(set), "\n")
	for _, want := range []string{"damaged: line 9: torn", "trial 5: failed (QEMU at the destination ended)", "trial 11: broken",
		"144 of 146 planned", "trial 17: the dirty curve", "trial 23: the machine was busy", "trial 2: the guest's work was more than 3 %",
		"had not ended at the limit"} {
		if !strings.Contains(all, want) {
			t.Errorf("no warning that %q in:\n%s", want, all)
		}
	}
	if strings.Contains(all, "the range stands in") {
		t.Errorf("six trials a cell are said to be too few:\n%s", all)
	}
	set.Trials = slices.DeleteFunc(set.Trials, func(t results.Trial) bool { return t.Block > 2 })
	if all := strings.Join(Warnings(set), "\n"); !strings.Contains(all, "some cells hold 2 trials") {
		t.Errorf("two trials a cell are not said to be few:\n%s", all)
	}
}

func TestFold(t *testing.T) {
	st := style(8.5, false)
	for level, want := range map[string]string{
		"pre-copy":                       "pre-copy",
		"cyclic:wset=60%,rate=0+idle":    "cyclic:\nwset=60%,\nrate=0+\nidle",
		"a-very-long-word-without-break": "a-very-long-word-without-break",
	} {
		if got := fold(st, level, 40); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if got := fold(st, "cyclic:wset=60%,rate=0", 400); strings.Contains(got, "\n") {
		t.Errorf("%q is broken without need", got)
	}
}
