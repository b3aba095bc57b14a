package figures

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"walm/lab/results"
)

// Kind is how a figure draws its numbers.
type Kind string

// The kinds.
const (
	Lines     Kind = "lines"     // a line for each level of By, with its interval at each level of Over
	Bars      Kind = "bars"      // a bar for each level of By, side by side; of the metric "phases": what time went to
	Surface   Kind = "surface"   // a heat map over Over and By with its numbers in it
	Wireframe Kind = "wireframe" // the same in perspective, as publications have it: the numbers cannot be read off it
	Timeline  Kind = "timeline"  // metric "link-use" or "remaining" over time, a line for each level of Over and By
)

// Kinds are all of them.
func Kinds() []Kind { return []Kind{Lines, Bars, Surface, Wireframe, Timeline} }

// Spec says what a figure shows. Factors that it neither names nor holds are pooled, and its caption says so.
type Spec struct {
	Title    string            // empty: made from the rest
	Metric   string            // see results.Metrics
	Over, By string            // factors; By may be empty
	Where    map[string]string // factors held at a level
	Kind     Kind              // empty: Lines
	Mean     bool              // of surfaces: the mean in place of the median, as some publications have it
}

// Name is the figure's file name without its extension.
func (s Spec) Name() string {
	parts := []string{s.Metric, "over", s.Over}
	if s.By != "" {
		parts = append(parts, "by", s.By)
	}
	for _, f := range slices.Sorted(maps.Keys(s.Where)) {
		parts = append(parts, f, s.Where[f])
	}
	if s.Kind != Lines && s.Kind != "" {
		parts = append(parts, string(s.Kind))
	}
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '-' {
			return r
		}
		return '_'
	}, strings.Join(parts, "-"))
}

// check says what of the spec the set does not have.
func (s Spec) check(set results.Set) error {
	factors := factorsOf(set)
	has := func(name string) error {
		if !slices.ContainsFunc(factors, func(f factor) bool { return f.name == name }) {
			return fmt.Errorf("plot %s: no factor %q: the experiment varies %s", s.Metric, name, names(factors))
		}
		return nil
	}
	if s.Kind != "" && !slices.Contains(Kinds(), s.Kind) {
		return fmt.Errorf("plot %s: no kind %q: one of %v", s.Metric, s.Kind, Kinds())
	}
	if s.Over != "" || len(factors) > 0 {
		if err := has(s.Over); err != nil {
			return err
		}
	}
	if s.By != "" {
		if err := has(s.By); err != nil {
			return err
		}
	}
	if s.By == "" && (s.Kind == Surface || s.Kind == Wireframe) {
		return fmt.Errorf("plot %s: a %s lies over two factors: say by which other one", s.Metric, s.Kind)
	}
	for _, f := range slices.Sorted(maps.Keys(s.Where)) {
		if err := has(f); err != nil {
			return err
		}
		i := slices.IndexFunc(factors, func(o factor) bool { return o.name == f })
		if !slices.Contains(factors[i].levels, s.Where[f]) {
			return fmt.Errorf("plot %s: factor %s has no level %q: it has %s", s.Metric, f, s.Where[f],
				strings.Join(factors[i].levels, ", "))
		}
	}
	return nil
}

// pooled are the factors that the spec leaves free.
func (s Spec) pooled(set results.Set) []string {
	var free []string
	for _, f := range factorsOf(set) {
		if _, held := s.Where[f.name]; !held && f.name != s.Over && f.name != s.By && len(f.levels) > 1 {
			free = append(free, f.name)
		}
	}
	return free
}
