package figures

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"walm/lab/results"
)

// label names a metric on an axis: what it is, without the explanation.
func label(m results.Metric) string {
	short, _, _ := strings.Cut(m.What, ":")
	return short
}

// axisLabel is the metric's name where what it is does not fit beside an axis.
func axisLabel(m results.Metric, unit scale) string {
	if text := unit.with(label(m)); len([]rune(text)) <= 36 {
		return text
	}
	return unit.with(m.Name)
}

// title says what a figure shows, where the spec does not.
func (s Spec) title(m results.Metric) string {
	if s.Title != "" {
		return s.Title
	}
	t := label(m)
	if s.Over != "" {
		t += " over " + s.Over
	}
	if s.By != "" {
		t += " by " + s.By
	}
	if held := s.held(); held != "" {
		t += ", " + held
	}
	return t
}

func (s Spec) held() string {
	var parts []string
	for _, f := range slices.Sorted(maps.Keys(s.Where)) {
		parts = append(parts, f+" = "+s.Where[f])
	}
	return strings.Join(parts, ", ")
}

// caption says what the marks mean, how many trials each rests on, and what is not shown.
func (s Spec) caption(set results.Set, all []line) string {
	fewest, most, missing, censored := 1<<30, 0, 0, 0
	for _, l := range all {
		for _, p := range l.points {
			if p.N > 0 {
				fewest, most = min(fewest, p.N), max(most, p.N)
			}
			missing += p.missing
			censored += p.censored
		}
	}
	var parts []string
	add := func(format string, args ...any) { parts = append(parts, fmt.Sprintf(format, args...)) }
	what, each := "Medians", "point"
	switch s.Kind {
	case Surface, Wireframe:
		each = "cell"
		if s.Mean {
			what = "Means"
		}
		add("%s.", what)
	case Bars:
		each = "bar"
		add("Medians with %s.", intervals(fewest, most))
	default:
		add("Medians with %s; small dots are trials.", intervals(fewest, most))
	}
	switch {
	case most == 0:
		add("Nothing was measured.")
	case fewest == most:
		add("n = %d a %s.", most, each)
	default:
		add("n = %d to %d a %s.", fewest, most, each)
	}
	if censored > 0 {
		add("%s had not ended at the limit.", trials(censored))
	}
	if missing > 0 {
		add("%s without such a number.", trials(missing))
	}
	if held := s.held(); held != "" && s.Title != "" {
		add("At %s.", held)
	}
	if free := s.pooled(set); len(free) > 0 {
		add("Pooled over %s.", strings.Join(free, ", "))
	}
	return strings.Join(append(parts, source(set)), " ")
}

func intervals(fewest, most int) string {
	switch {
	case most < 6:
		return "the range of the trials (n is too small for intervals)"
	case fewest < 6:
		return "95 % bootstrap intervals, the range where n < 6"
	}
	return "95 % bootstrap intervals"
}

// source names the experiment, and the scale that its sizes were divided by.
func source(set results.Set) string {
	s := "Experiment " + set.Header.Name
	if by := scaled(set); by != "" {
		s += ", at scale " + by
	}
	return s + "."
}

// scaled is "1:8" where memory, links and rates are an eighth of what the file says.
func scaled(set results.Set) string {
	for _, t := range set.Trials {
		if t.Setup.Scale > 1 {
			return fmt.Sprintf("1:%g", t.Setup.Scale)
		}
	}
	return ""
}

func trials(n int) string {
	if n == 1 {
		return "1 trial"
	}
	return fmt.Sprintf("%d trials", n)
}

func list(words []string) string { return strings.Join(words, ", ") }
