package main

import (
	"fmt"
	"io"
	"slices"

	"walm/lab/faults"
	"walm/vm"
)

// tables prints what came of the trials.
func tables(out io.Writer, all []faults.Killing) error {
	var killed []faults.Killing
	for _, k := range all {
		if !k.Ended {
			killed = append(killed, k)
		}
	}
	fmt.Fprintf(out, "%d walms were killed; %d more had ended before the signal and do not count.\n\n", len(killed), len(all)-len(killed))
	fmt.Fprint(out, "| method | QEMU | killed |")
	for _, v := range faults.Verdicts() {
		if v != faults.Missed && v != faults.Other {
			fmt.Fprintf(out, " %s |", v)
		}
	}
	fmt.Fprint(out, " then at the source | at the destination | pages checked | bad |\n|---|---|---|---|---|---|---|---|---|---|---|\n")
	for _, m := range vm.Methods() {
		for _, q := range suites {
			row(out, m, string(q), killed)
		}
	}
	fmt.Fprint(out, "\nWhat status said:\n\n| state | next step | how often |\n|---|---|---|\n")
	said := map[string]int{}
	for _, k := range killed {
		said[fmt.Sprintf("| %s | %s |", k.State, k.Next)]++
	}
	var lines []string
	for line, n := range said {
		lines = append(lines, fmt.Sprintf("%s %d |", line, n))
	}
	slices.Sort(lines)
	for _, line := range lines {
		fmt.Fprintln(out, line)
	}
	for _, k := range killed {
		if k.Verdict != faults.Held {
			fmt.Fprintf(out, "\n%s on %s, %s: %s: %s\n", k.Method, k.QEMU, k.Journal, k.Verdict, k.Why)
		}
	}
	return nil
}

func row(out io.Writer, m vm.Method, q string, killed []faults.Killing) {
	n, pages, bad := 0, 0, 0
	verdicts, where := map[faults.Verdict]int{}, map[faults.Standing]int{}
	for _, k := range killed {
		if k.Method != m || string(k.QEMU) != q {
			continue
		}
		n++
		verdicts[k.Verdict]++
		where[k.Last.Standing]++
		pages += k.Last.Pages
		bad += k.Last.Bad
	}
	fmt.Fprintf(out, "| %s | %s | %d |", m, q, n)
	for _, v := range faults.Verdicts() {
		if v != faults.Missed && v != faults.Other {
			fmt.Fprintf(out, " %d |", verdicts[v])
		}
	}
	fmt.Fprintf(out, " %d | %d | %d | %d |\n", where[faults.AtSource], where[faults.AtDestination], pages, bad)
}
