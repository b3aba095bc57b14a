package faults

import (
	"fmt"
	"slices"
	"strings"

	"walm/vm"
)

// Table is the table of what is expected, in Markdown: one for each method, with the reasons under them.
func Table() string {
	var b strings.Builder
	var reasons []string
	for _, m := range vm.Methods() {
		fmt.Fprintf(&b, "### %s\n\n| fault |", m)
		for _, p := range Phases(m) {
			fmt.Fprintf(&b, " %s |", p)
		}
		fmt.Fprintf(&b, "\n|---|%s\n", strings.Repeat("---|", len(Phases(m))))
		for _, f := range Faults() {
			fmt.Fprintf(&b, "| `%s` |", f)
			for _, p := range Phases(m) {
				fmt.Fprintf(&b, " %s |", entry(Cell{m, p, f}, &reasons))
			}
			b.WriteString("\n")
		}
		b.WriteString("\n")
	}
	for i, r := range reasons {
		fmt.Fprintf(&b, "%d. %s\n", i+1, r)
	}
	return b.String()
}

// entry is a cell's, its reason as a number in reasons.
func entry(c Cell, reasons *[]string) string {
	text, why := "–", c.Impossible()
	if why == "" {
		e := Expect(c)
		text, why = e.String(), e.Why
	}
	if why == "" {
		return text
	}
	i := slices.Index(*reasons, why)
	if i < 0 {
		i = len(*reasons)
		*reasons = append(*reasons, why)
	}
	return fmt.Sprintf("%s <sup>%d</sup>", text, i+1)
}
