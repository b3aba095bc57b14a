package faults

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"walm/stats"
	"walm/vm"
)

// Report is what results come to, in Markdown. The same results give the same text.
func Report(all []Result) string {
	var b strings.Builder
	faulted := slices.DeleteFunc(slices.Clone(all), func(r Result) bool { return r.Fault == None || r.Verdict == Missed })
	met := map[Cell]bool{}
	for _, r := range faulted {
		met[r.Cell] = true
	}
	count := func(holds func(Result) bool) (n int) {
		for _, r := range faulted {
			if holds(r) {
				n++
			}
		}
		return n
	}
	found := func(s Standing) func(Result) bool {
		return func(r Result) bool { return r.First.Standing == s || r.Last.Standing == s }
	}
	fmt.Fprintf(&b, "%d migrations, %d of them with a fault in the phase that was wanted; %d of %d cells.\n\n", len(all), len(faulted),
		len(met), len(Cells()))
	b.WriteString("| | of " + fmt.Sprint(len(faulted)) + " | 95 % interval |\n|---|---|---|\n")
	for _, row := range []struct {
		what  string
		holds func(Result) bool
	}{
		{"as expected, and walm's word true", func(r Result) bool { return r.Verdict == Held }},
		{"running at both ends", found(Twice)},
		{"memory not as it was written", found(Corrupted)},
		{"gone, where a copy was expected to be kept", func(r Result) bool { return r.Verdict == Bad && r.Last.Standing == Gone }},
		{"left running nowhere, with a whole copy", func(r Result) bool { return r.Verdict == Left }},
		{"safe, but not where it was expected", func(r Result) bool { return r.Verdict == Other }},
		{"walm said something else than was found", func(r Result) bool { return r.Verdict == Untrue }},
	} {
		n := count(row.holds)
		lo, hi := 0.0, 1.0
		if len(faulted) > 0 {
			lo, hi = stats.Wilson(n, len(faulted))
		}
		fmt.Fprintf(&b, "| %s | %d | %.1f–%.1f %% |\n", row.what, n, 100*lo, 100*hi)
	}
	b.WriteString("\n| method | phase | n | as expected |\n|---|---|---|---|\n")
	for _, m := range vm.Methods() {
		for _, p := range Phases(m) {
			n := count(func(r Result) bool { return r.Method == m && r.Phase == p })
			good := count(func(r Result) bool { return r.Method == m && r.Phase == p && r.Verdict == Held })
			fmt.Fprintf(&b, "| %s | %s | %d | %d |\n", m, p, n, good)
		}
	}
	b.WriteString("\n```\n" + Summary(all) + "```\n")
	odd := Unexpected(all)
	slices.SortStableFunc(odd, func(x, y Result) int {
		return cmp.Or(cmp.Compare(x.Verdict, y.Verdict), cmp.Compare(x.Cell.String(), y.Cell.String()))
	})
	if len(odd) == 0 {
		return b.String()
	}
	b.WriteString("\n| cell | QEMU | verdict | why | walm |\n|---|---|---|---|---|\n")
	for _, r := range odd {
		fmt.Fprintf(&b, "| %v | %s | %s | %s | %s |\n", r.Cell, r.QEMU, r.Verdict, oneLine(r.Why), r.Walm)
	}
	return b.String()
}

func oneLine(s string) string {
	return strings.ReplaceAll(strings.Join(strings.Fields(s), " "), "|", "\\|")
}
