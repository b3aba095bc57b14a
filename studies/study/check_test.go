package study

import (
	"math"
	"slices"
	"testing"
	"time"

	"walm/lab/experiment"
	"walm/lab/results"
	"walm/measure"
	"walm/stats"
	"walm/vm"
)

func trial(block int, status results.Status, tmt time.Duration, factorsAndLevels ...string) results.Trial {
	t := results.Trial{Block: block, Status: status, Method: vm.PreCopy}
	for i := 0; i < len(factorsAndLevels); i += 2 {
		t.Cell = append(t.Cell, experiment.Level{Factor: factorsAndLevels[i], Level: factorsAndLevels[i+1]})
	}
	if status == results.Done {
		t.Outcome = measure.Outcome{TMT: tmt, DT: tmt / 10, Loss: &measure.Loss{Lost: tmt / 5}}
	}
	return t
}

var sample = Trials{
	trial(1, results.Done, 2*time.Second, "wset", "30%", "method", "walm"),
	trial(1, results.Done, 3*time.Second, "wset", "30%", "method", "random"),
	trial(1, results.Done, 4*time.Second, "wset", "60%", "method", "walm"),
	trial(1, results.Censored, 0, "wset", "60%", "method", "random"),
	trial(2, results.Done, 5*time.Second, "wset", "30%", "method", "walm"),
	trial(2, results.Failed, 0, "wset", "30%", "method", "random"),
	trial(2, results.Broken, 0, "wset", "60%", "method", "walm"),
	trial(2, results.Done, 9*time.Second, "wset", "60%", "method", "random"),
}

func TestPick(t *testing.T) {
	if n := len(sample.Pick("method", "walm", "wset", "30%")); n != 2 {
		t.Errorf("%d trials of walm at 30%%, want 2", n)
	}
	if got := sample.Levels("wset"); !slices.Equal(got, []string{"30%", "60%"}) {
		t.Errorf("levels %v", got)
	}
	if n := len(sample.Cells()); n != 4 {
		t.Errorf("%d cells, want 4", n)
	}
	if n := sample.Ended(); n != 5 {
		t.Errorf("%d ended, want 5", n)
	}
}

// A migration that never ended is worse than all that did; one that failed has no time.
func TestSample(t *testing.T) {
	got := sample.Pick("method", "random").Sample(TMT)
	if want := (stats.Sample{3, math.Inf(1), 9}); !slices.Equal(got, want) {
		t.Errorf("TMT %v, want %v", got, want)
	}
	if got := Finite(got); len(got) != 2 {
		t.Errorf("finite: %v", got)
	}
}

// Pairs leave out what has no partner with a value: here the failed trial and the broken one.
func TestPairs(t *testing.T) {
	walm, random := sample.Pairs("method", "walm", "random", TMT)
	if !slices.Equal(walm, stats.Sample{2, 4}) || !slices.Equal(random, stats.Sample{3, math.Inf(1)}) {
		t.Errorf("pairs %v, %v", walm, random)
	}
}

func TestCost(t *testing.T) {
	c := trial(1, results.Done, 10*time.Second)
	if got, _ := Cost.Of(c); math.Abs(got-3) > 1e-9 { // 2 s lost, a tenth of 10 s
		t.Errorf("cost %g, want 3", got)
	}
	c.Method, c.Precopy = vm.PostCopy, time.Second
	if got, _ := Cost.Of(c); math.Abs(got-3-9*0.0864) > 1e-9 { // and nine seconds in which the VM could be lost
		t.Errorf("cost of post-copy %g, want 3.7776", got)
	}
	if got, ok := Cost.Of(trial(1, results.Censored, 0)); !ok || !math.IsInf(got, 1) {
		t.Errorf("cost of what never ended %g", got)
	}
}

func TestLine(t *testing.T) {
	f := Line([]float64{1, 2, 3, 4}, []float64{3.1, 4.9, 7.1, 8.9})
	if math.Abs(f.Slope-1.96) > 1e-9 || math.Abs(f.Intercept-1.1) > 1e-9 || math.Abs(f.R2-(1-0.032/19.24)) > 1e-9 {
		t.Errorf("%+v", f)
	}
	if f := Line([]float64{1, 1}, []float64{2, 3}); !math.IsNaN(f.Slope) {
		t.Errorf("a line through one x: %+v", f)
	}
}

// By hand: S = 10 and −2 of 10 pairs, variance 5·4·15/18, continuity correction 1.
func TestTrend(t *testing.T) {
	for _, c := range []struct {
		x, y   []float64
		tau, p float64
	}{
		{[]float64{1, 2, 3, 4, 5}, []float64{1, 2, 3, 4, 5}, 1, 0.0275},
		{[]float64{1, 2, 3, 4, 5}, []float64{5, 4, 3, 2, math.Inf(1)}, -0.2, 0.8065},
		{[]float64{1, 1, 1, 2, 2, 2}, []float64{1, 1, 1, 1, 1, 1}, 0, 1},
		{nil, nil, 0, 1},
	} {
		got := TrendOf(c.x, c.y)
		if math.Abs(got.Tau-c.tau) > 1e-9 || math.Abs(got.P-c.p) > 1e-4 {
			t.Errorf("%v over %v: τ %.4f, p %.4f; want %.4f, %.4f", c.y, c.x, got.Tau, got.P, c.tau, c.p)
		}
	}
	three := []float64{1, 1, 1, 2, 2, 2, 3, 3, 3}
	if up := TrendOf(three, []float64{1, 2, 3, 4, 5, 6, 7, 8, 9}); !up.Rises() || up.Falls() {
		t.Errorf("%v does not rise", up)
	}
	if down := TrendOf(three, []float64{9, 8, 7, 6, 5, 4, 3, 2, 1}); !down.Falls() || down.Rises() {
		t.Errorf("%v does not fall", down)
	}
}

func TestNumber(t *testing.T) {
	for level, want := range map[string]float64{"30%": 30, "100ms": 0.1, "2s": 2, "128MiB": 1 << 27, "64B": 64, "20000": 20000} {
		if got := Number(level); got != want {
			t.Errorf("%s is %g, want %g", level, got, want)
		}
	}
	if got := Number("max"); !math.IsNaN(got) {
		t.Errorf("max is %g", got)
	}
}

func TestSay(t *testing.T) {
	for _, c := range []struct {
		of   stats.Sample
		want string
	}{
		{stats.Sample{1.5234, 1.6, 1.5}, "1.52 s (1.5 – 1.6, n = 3)"},
		{stats.Sample{1, math.Inf(1), 1.25}, "1.25 s (1 – ∞, n = 3)"},
		{stats.Sample{math.Inf(1)}, "never ended (n = 1)"},
		{stats.Sample{math.Inf(-1), -1, 2}, "-1 s (−∞ – 2, n = 3)"},
		{nil, "nothing measured"},
	} {
		if got := Say(c.of.MedianInterval(0.95, 1), "s"); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}
