package figures

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"walm/lab/results"
	"walm/vm"
)

// factor is a factor with the levels that occur in the results.
type factor struct {
	name   string
	levels []string
}

// factorsOf lists what the trials vary, in the order of the experiment.
func factorsOf(set results.Set) []factor {
	var found []factor
	for _, name := range set.Factors() {
		f := factor{name: name}
		for _, l := range set.Levels(name) {
			if slices.ContainsFunc(set.Trials, func(t results.Trial) bool { return at(t, name, l) }) {
				f.levels = append(f.levels, l)
			}
		}
		found = append(found, f)
	}
	return found
}

func names(factors []factor) string {
	if len(factors) == 0 {
		return "nothing"
	}
	var list []string
	for _, f := range factors {
		list = append(list, f.name)
	}
	return strings.Join(list, ", ")
}

// number reads a level as a size, a rate, a time, a share or a plain number.
func number(level string) (float64, bool) {
	if x, err := strconv.ParseFloat(level, 64); err == nil {
		return x, !math.IsInf(x, 0) && !math.IsNaN(x)
	}
	if share, ok := strings.CutSuffix(level, "%"); ok {
		x, err := strconv.ParseFloat(share, 64)
		return x, err == nil
	}
	if b, err := vm.ParseBytes(level); err == nil {
		return float64(b), true
	}
	if r, err := vm.ParseRate(level); err == nil {
		return float64(r), true
	}
	d, err := time.ParseDuration(level)
	return d.Seconds(), err == nil
}

// axis places levels: by their value where all are numbers and far enough apart to be told, else side by side.
type axis struct {
	at     map[string]float64
	levels []string
	lo, hi float64
	log    bool
	named  bool // side by side
}

// needed is the least share of an axis between two levels for which their labels and marks stay apart, from an upper
// estimate of how wide a letter is.
func needed(levels []string) float64 {
	letters := 2
	for _, l := range levels {
		letters = max(letters, len([]rune(l)))
	}
	return (float64(letters)*4.7 + 6) / 400
}

func newAxis(levels []string) axis {
	a := axis{at: map[string]float64{}, levels: levels}
	var values []float64
	for _, l := range levels {
		if x, ok := number(l); ok {
			a.at[l] = x
			values = append(values, x)
		}
	}
	slices.Sort(values)
	if len(values) == len(levels) && len(levels) > 1 {
		a.lo, a.hi = values[0], values[len(values)-1]
		if apart(values, needed(levels)) {
			return a
		}
		if a.lo > 0 {
			for i, x := range values {
				values[i] = math.Log(x)
			}
			if a.log = apart(values, needed(levels)); a.log {
				return a
			}
		}
	}
	for i, l := range levels {
		a.at[l] = float64(i)
	}
	a.lo, a.hi, a.named = 0, float64(len(levels)-1), true
	return a
}

// words says whether no level is a number.
func (a axis) words() bool {
	return !slices.ContainsFunc(a.levels, func(l string) bool { _, ok := number(l); return ok })
}

func apart(sorted []float64, least float64) bool {
	for i := range sorted[1:] {
		if sorted[i+1]-sorted[i] < least*(sorted[len(sorted)-1]-sorted[0]) {
			return false
		}
	}
	return sorted[0] < sorted[len(sorted)-1]
}
