package faults

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"walm/lab/debian"
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
	for _, f := range append(Faults(), None) {
		line(string(f), func(r Result) bool { return r.Fault == f })
	}
	line("all", func(Result) bool { return true })
	w.Flush() // into memory
	return b.String()
}

// Trend shows what was held after moves in a row, of each guest: after the first one, and on the way to the last.
func Trend(all []Result) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "QEMU\tguest\tmove\tmemory\tdescriptors\tthreads\tchildren\tnamespaces\tfiles\tstate\ta walm's memory\t")
	type guest struct {
		qemu debian.Suite
		n    int
	}
	by := map[guest][]Result{}
	for _, r := range all {
		if r.Leaks != nil {
			by[guest{r.QEMU, r.Guest}] = append(by[guest{r.QEMU, r.Guest}], r)
		}
	}
	const parts = 5
	for _, g := range slices.SortedFunc(maps.Keys(by), func(a, b guest) int {
		return cmp.Or(cmp.Compare(a.qemu, b.qemu), cmp.Compare(a.n, b.n))
	}) {
		row := by[g]
		every := max(1, len(row)/parts)
		for i, r := range row {
			if i != 0 && (i+1)%every != 0 && i != len(row)-1 {
				continue
			}
			l := r.Leaks
			fmt.Fprintf(w, "%s\t%d\t%d\t%v\t%d\t%d\t%d\t%d\t%d\t%v\t%v\t\n", g.qemu, g.n, r.Round, l.RSS, l.Descriptors, l.Threads, l.Children,
				l.Namespaces, l.Files, l.State, r.Word.RSS)
		}
	}
	w.Flush() // into memory
	return b.String()
}
