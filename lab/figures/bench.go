package figures

import (
	"bytes"
	"fmt"
	"strings"

	"walm/lab/results"
)

// Bench is every trial that has a number in the format of Go's benchmarks, for benchstat and its kin:
//
//	BenchmarkMigrate/method=pre-copy/wset=30% 1 18.7 tmt-sec 0.041 dt-sec
//
// A total time that had not ended at the limit is left out, since the format has no word for it, and the comment above
// says how many there are; benchstat's medians are therefore of those that ended.
func Bench(set results.Set) []byte {
	var b bytes.Buffer
	h := set.Header
	fmt.Fprintf(&b, "experiment: %s\nwalm: %s\ncpu: %s\nqemu: %s\n", oneLine(h.Name), oneLine(h.Version), oneLine(h.Machine.CPU),
		oneLine(list(h.Machine.QEMU)))
	metrics := measured(set, nil)
	for _, m := range metrics {
		if better := better(m.Name); better != "" {
			fmt.Fprintf(&b, "Unit %s better=%s\n", benchUnit(m), better)
		}
	}
	if n := len(numbers(set, func(t results.Trial) bool { return t.Status == results.Censored })); n > 0 {
		fmt.Fprintf(&b, "# %s had not ended at the limit and have no tmt\n", trials(n))
	}
	for _, tr := range set.Trials {
		var line strings.Builder
		line.WriteString("BenchmarkMigrate")
		for _, l := range tr.Cell {
			line.WriteString("/" + benchWord(l.Factor) + "=" + benchWord(l.Level))
		}
		line.WriteString(" 1")
		any := false
		for _, m := range metrics {
			if v, ok := tr.Metric(m.Name); ok && exact(v) != "" && exact(v) != "Inf" {
				fmt.Fprintf(&line, " %s %s", exact(v), benchUnit(m))
				any = true
			}
		}
		if any {
			fmt.Fprintln(&b, line.String())
		}
	}
	return b.Bytes()
}

// better says which way a metric is good; what is neither is empty.
func better(metric string) string {
	switch metric {
	case "throughput", "link-use", "dirty", "cpu-guest", "cpu-guest-before", "passes", "tmt-forecast", "dt-forecast",
		"loss-forecast":
		return ""
	}
	return "lower"
}

func benchUnit(m results.Metric) string {
	switch m.Unit {
	case "s":
		return m.Name + "-sec"
	case "":
		return m.Name
	}
	return m.Name + "-" + m.Unit
}

// benchWord keeps a level from being read as several words or keys.
func benchWord(s string) string {
	return strings.Map(func(r rune) rune {
		if r <= ' ' || r == '/' || r == '=' || r == 0x7f {
			return '_'
		}
		return r
	}, s)
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
