package stats

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func near(a, b float64) bool { return a == b || math.Abs(a-b) <= 1e-9*max(1, math.Abs(a), math.Abs(b)) }

func TestQuantile(t *testing.T) {
	inf := math.Inf(1)
	for _, c := range []struct {
		name string
		s    Sample
		p    float64
		want float64
	}{
		{"one", Sample{7}, 0.3, 7},
		{"even median", Sample{4, 1, 3, 2}, 0.5, 2.5},
		{"odd median", Sample{9, 1, 5}, 0.5, 5},
		{"R: quantile(1:10, 0.1)", Sample{10, 9, 8, 7, 6, 5, 4, 3, 2, 1}, 0.1, 1.9},
		{"R: quantile(c(1,3,4,8), 0.9)", Sample{1, 3, 4, 8}, 0.9, 6.8},
		{"least", Sample{3, 1, 2}, 0, 1},
		{"greatest", Sample{3, 1, 2}, 1, 3},
		{"censored minority", Sample{1, inf, 3}, 0.5, 3},
		{"half better than any", Sample{-inf, 2}, 0.5, -inf}, // differences from what never ended
		{"censored pair", Sample{1, inf, inf, inf}, 0.5, inf},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.s.Quantile(c.p); !near(got, c.want) {
				t.Errorf("quantile %g of %v = %g, want %g", c.p, c.s, got, c.want)
			}
		})
	}
	for _, s := range []Sample{nil, {1, math.NaN(), 2}} {
		if got := s.Median(); !math.IsNaN(got) {
			t.Errorf("median of %v = %g, want NaN", s, got)
		}
	}
	s := Sample{3, 1, 2}
	if s.Median(); !slices.Equal(s, Sample{3, 1, 2}) {
		t.Errorf("the median reordered the sample: %v", s)
	}
}

func TestMedianIntervalSmall(t *testing.T) {
	for _, c := range []struct {
		s          Sample
		confidence float64
		lo, hi     float64
		attains    float64
	}{
		{Sample{5}, 0.95, 5, 5, 0},
		{Sample{3, 1, 2}, 0.95, 1, 3, 0.75},
		{Sample{5, 4, 3, 2, 1}, 0.80, 1, 5, 0.9375},
		{Sample{6, 5, 4, 3, 2, 1}, 0.99, 1, 6, 0.96875},
	} {
		e := c.s.MedianInterval(c.confidence, 1)
		if e.Lo != c.lo || e.Hi != c.hi || e.Confidence != c.attains || e.N != len(c.s) {
			t.Errorf("%v: %+v, want the range with confidence %g", c.s, e, c.attains)
		}
		if !strings.Contains(e.Warning, "too few") {
			t.Errorf("%v: warning %q does not say that n is too small", c.s, e.Warning)
		}
	}
	for _, s := range []Sample{nil, {1, math.NaN()}} {
		if e := s.MedianInterval(0.95, 1); e.Warning == "" || !math.IsNaN(e.Mid) || e.Confidence != 0 {
			t.Errorf("%v: %+v, want NaN with a warning", s, e)
		}
	}
}

func TestMedianIntervalRepeats(t *testing.T) {
	s := Sample{3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8}
	a, b := s.MedianInterval(0.95, 7), s.MedianInterval(0.95, 7)
	if a != b {
		t.Errorf("same seed, different answers: %+v and %+v", a, b)
	}
	slices.Sort(s)
	if c := s.MedianInterval(0.95, 7); a != c {
		t.Errorf("the order of the sample matters: %+v and %+v", a, c)
	}
}

// The interval must hold the true median about as often as it says; the percentile bootstrap of a median is known to
// fall a little short at small n. Seeded, so that it cannot fail by chance.
func TestMedianIntervalCovers(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{6, 15} {
		const trials = 100
		held := 0
		for i := range trials {
			s := make(Sample, n)
			for j := range s {
				s[j] = random.ExpFloat64()
			}
			if e := s.MedianInterval(0.95, uint64(i)); e.Lo <= math.Ln2 && math.Ln2 <= e.Hi {
				held++
			}
		}
		if share := float64(held) / trials; share < 0.86 || share > 0.99 {
			t.Errorf("n=%d: 95 %% intervals held the median in %.3g %% of %d trials", n, 100*share, trials)
		}
	}
}

func TestMedianOfMatchesSorting(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := Sample(rapid.SliceOfN(rapid.Float64Range(-9, 9), 1, 12).Draw(t, "s"))
		slices.Sort(s)
		drawn := make([]int, len(s))
		var dumb Sample
		for range s {
			i := rapid.IntRange(0, len(s)-1).Draw(t, "i")
			drawn[i]++
			dumb = append(dumb, s[i])
		}
		if got, want := s.medianOf(drawn), dumb.Median(); !near(got, want) {
			t.Fatalf("median %g, want %g", got, want)
		}
	})
}

func TestSignedRank(t *testing.T) {
	for _, c := range []struct {
		name string
		d    Sample
		want float64
	}{
		{"five of five", Sample{1, 2, 3, 4, 5}, 2.0 / 32},
		{"zeros are dropped", Sample{0, 1, 2, 0, 3, 4, 5}, 2.0 / 32},
		{"nothing differs", Sample{0, 0}, 1},
		{"nothing at all", nil, 1},
		{"censored", Sample{1, 2, 3, 4, math.Inf(1)}, 2.0 / 32},
		// Cureton's corn data, as in SciPy's documentation.
		{"corn", Sample{6, 8, 14, 16, 23, 24, 28, 29, 41, -48, 49, 56, 60, -67, 75}, 0.041259765625},
		// Hollander and Wolfe's depression scores, as in R's wilcox.test: V = 40, one-sided p 0.01953.
		{"depression", Sample{0.952, -0.147, 1.022, 0.43, 0.62, 0.59, 0.49, -0.08, 0.01}, 0.0390625},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := SignedRank(c.d); !near(got, c.want) {
				t.Errorf("p = %.10g, want %.10g", got, c.want)
			}
		})
	}
	if p := SignedRank(Sample{1, math.NaN()}); !math.IsNaN(p) {
		t.Errorf("p with a NaN = %g, want NaN", p)
	}
}

func TestSignedRankMatchesEnumeration(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var d Sample // small whole numbers: many ties and zeros
		for _, x := range rapid.SliceOfN(rapid.IntRange(-5, 5), 0, 11).Draw(t, "d") {
			d = append(d, float64(x))
		}
		if got, want := SignedRank(d), enumerate(d); !near(got, want) {
			t.Fatalf("p of %v = %g, want %g", d, got, want)
		}
	})
}

// enumerate tries every sign of every difference, with ranks found by counting.
func enumerate(all Sample) float64 {
	var d Sample
	for _, x := range all {
		if x != 0 {
			d = append(d, x)
		}
	}
	ranks := make(Sample, len(d))
	var total, w float64
	for i, x := range d {
		ranks[i] = 0.5
		for _, y := range d {
			switch {
			case math.Abs(y) < math.Abs(x):
				ranks[i]++
			case math.Abs(y) == math.Abs(x):
				ranks[i] += 0.5
			}
		}
		total += ranks[i]
		if x > 0 {
			w += ranks[i]
		}
	}
	asFar := 0
	for signs := range 1 << len(d) {
		var sum float64
		for i, r := range ranks {
			if signs>>i&1 == 1 {
				sum += r
			}
		}
		if math.Abs(sum-total/2) >= math.Abs(w-total/2) {
			asFar++
		}
	}
	return float64(asFar) / float64(int(1)<<len(d))
}

// Beyond 25 the normal approximation takes over: it must meet the exact p where both can be had.
func TestNormalMeetsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := make(Sample, rapid.IntRange(26, 40).Draw(t, "n"))
		for i := range d {
			d[i] = float64(rapid.IntRange(-30, 40).Draw(t, "d"))
			if d[i] == 0 {
				d[i] = 1
			}
		}
		ranks, _ := doubledRanks(d)
		w := 0
		for i, x := range d {
			if x > 0 {
				w += ranks[i]
			}
		}
		if got, exact := SignedRank(d), exactP(ranks, w); math.Abs(got-exact) > 0.01 {
			t.Fatalf("n=%d: normal p %g, exact %g", len(d), got, exact)
		}
	})
}

func TestCompare(t *testing.T) {
	a := Sample{10, 20, 30, 40, 50, 60, 70, 80}
	b := make(Sample, len(a))
	for i := range a {
		b[i] = a[i] * 1.5
	}
	c, err := Compare(a, b, Ratio, 0.95, 1)
	if err != nil {
		t.Fatal(err)
	}
	if c.N != 8 || c.Mid != 1.5 || c.Lo != 1.5 || c.Hi != 1.5 || !near(c.P, 2.0/256) || c.Contrast != Ratio {
		t.Errorf("ratio: %+v", c)
	}
	c, err = Compare(a, b, Difference, 0.95, 1)
	if err != nil {
		t.Fatal(err)
	}
	if c.Mid != 22.5 || c.Lo >= 22.5 || c.Hi <= 22.5 || c.Delta <= 0 {
		t.Errorf("difference: %+v", c)
	}
	inf := math.Inf(1)
	c, err = Compare(Sample{1, inf}, Sample{inf, inf}, Difference, 0.95, 1)
	if err != nil || c.Lo != 0 || c.Hi != inf {
		t.Errorf("runs that never ended: %+v, %v", c, err)
	}
	for _, bad := range []struct {
		a, b Sample
		by   Contrast
	}{{Sample{1}, nil, Ratio}, {Sample{0}, Sample{1}, Ratio}, {Sample{1}, Sample{1}, "other"}} {
		if _, err := Compare(bad.a, bad.b, bad.by, 0.95, 1); err == nil {
			t.Errorf("%+v was compared", bad)
		}
	}
}

// A ratio must tell the same tale read backwards.
func TestRatioIsSymmetric(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 15).Draw(t, "n")
		value := rapid.SliceOfN(rapid.Float64Range(0.1, 100), n, n)
		a, b := Sample(value.Draw(t, "a")), Sample(value.Draw(t, "b"))
		ab, err1 := Compare(a, b, Ratio, 0.95, 1)
		ba, err2 := Compare(b, a, Ratio, 0.95, 1)
		if err1 != nil || err2 != nil || !near(ab.Delta, -ba.Delta) || math.Abs(ab.P-ba.P) > 1e-6 {
			t.Fatalf("%+v, %v against %+v, %v", ab, err1, ba, err2)
		}
	})
}

func TestCliffDelta(t *testing.T) {
	for _, c := range []struct {
		a, b Sample
		want float64
	}{
		{Sample{1, 2}, Sample{3, 4}, 1},
		{Sample{3, 4}, Sample{1, 2}, -1},
		{Sample{1, 2, 3}, Sample{1, 2, 3}, 0},
		{Sample{1, 3}, Sample{2, 3}, 0.25},
	} {
		if got := CliffDelta(c.a, c.b); got != c.want {
			t.Errorf("delta of %v to %v = %g, want %g", c.a, c.b, got, c.want)
		}
	}
	if got := CliffDelta(Sample{1}, nil); !math.IsNaN(got) {
		t.Errorf("delta to nothing = %g, want NaN", got)
	}
}

func TestHolm(t *testing.T) {
	got := Holm([]float64{0.01, 0.04, 0.03, 0.005}) // R: p.adjust(…, "holm")
	for i, want := range []float64{0.03, 0.06, 0.06, 0.02} {
		if !near(got[i], want) {
			t.Errorf("adjusted %v, want 0.03 0.06 0.06 0.02", got)
			break
		}
	}
	if got := Holm([]float64{0.7, 0.9}); got[0] != 1 || got[1] != 1 {
		t.Errorf("adjusted %v, want 1 1", got)
	}
}

func TestWilson(t *testing.T) {
	// Wilson 1927: 8 of 10 are 0.49 to 0.94.
	if lo, hi := Wilson(8, 10); math.Abs(lo-0.490) > 0.001 || math.Abs(hi-0.943) > 0.001 {
		t.Errorf("8 of 10: %g to %g", lo, hi)
	}
	for _, tt := range []struct {
		held, n int
		lo, hi  float64
	}{{0, 500, 0, 0.0076}, {500, 500, 0.9924, 1}, {5, 10, 0.2366, 0.7634}} {
		if lo, hi := Wilson(tt.held, tt.n); math.Abs(lo-tt.lo) > 1e-4 || math.Abs(hi-tt.hi) > 1e-4 {
			t.Errorf("%d of %d: %.4f to %.4f", tt.held, tt.n, lo, hi)
		}
	}
	if lo, hi := Wilson(0, 0); lo != 0 || hi != 0 {
		t.Errorf("none: %g to %g", lo, hi)
	}
}
