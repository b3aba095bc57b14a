package main

import (
	"fmt"
	"strings"
)

// tables says what every target had.
func tables(targets []target, all []Turn) string {
	var b strings.Builder
	b.WriteString("# What each target had\n\nWritten by `go run ./studies/fuzzed tables` from turns.jsonl.\n\n")
	b.WriteString("| package | target | CPU min | executions | inputs kept | findings |\n|---|---|---|---|---|---|\n")
	reached, minutes, execs, inputs, findings := 0, 0.0, int64(0), 0, 0
	for _, t := range targets {
		had, ran, kept, found := spent(all, t), int64(0), 0, 0
		for _, turn := range all {
			if turn.Package != t.pkg || turn.Target != t.name {
				continue
			}
			ran += turn.Execs
			kept = turn.Inputs
			if turn.Finding != "" {
				found++
			}
		}
		fmt.Fprintf(&b, "| %s | %s | %.1f | %d | %d | %d |\n", t.dir, t.name, had.Minutes(), ran, kept, found)
		if had.Minutes() >= mark {
			reached++
		}
		minutes, execs, inputs, findings = minutes+had.Minutes(), execs+ran, inputs+kept, findings+found
	}
	fmt.Fprintf(&b, "| **all** | %d, of which %d had %d CPU minutes | %.1f | %d | %d | %d |\n", len(targets), reached, mark, minutes, execs, inputs, findings)
	return b.String()
}

// mark is the CPU time that each target is to have, in minutes.
const mark = 10
