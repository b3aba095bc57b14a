package faults

import (
	"fmt"
	"strings"
	"text/tabwriter"
)

// Unexpected are the results that are not as they should be.
func Unexpected(all []Result) (bad []Result) {
	for _, r := range all {
		if r.Verdict != Held {
			bad = append(bad, r)
		}
	}
	return bad
}

// Summary counts verdicts by fault.
func Summary(all []Result) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(w, "fault\tn\t")
	for _, v := range Verdicts() {
		fmt.Fprintf(w, "%s\t", v)
	}
	fmt.Fprintln(w)
	line := func(name string, holds func(Result) bool) {
		n, counts := 0, map[Verdict]int{}
		for _, r := range all {
			if holds(r) {
				n++
				counts[r.Verdict]++
			}
		}
		if n == 0 {
			return
		}
		fmt.Fprintf(w, "%s\t%d\t", name, n)
		for _, v := range Verdicts() {
			fmt.Fprintf(w, "%d\t", counts[v])
		}
		fmt.Fprintln(w)
	}
	for _, f := range Faults() {
		line(string(f), func(r Result) bool { return r.Fault == f })
	}
	line("all", func(Result) bool { return true })
	w.Flush() // into memory
	return b.String()
}
