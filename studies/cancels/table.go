package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"walm/stats"
)

// table is a row for each version and number of channels.
func table(all []Trial) string {
	type key struct {
		version  string
		channels int
	}
	rows := map[key][]Trial{}
	var keys []key
	for _, t := range all {
		k := key{t.QEMU, t.Channels}
		if rows[k] == nil {
			keys = append(keys, k)
		}
		rows[k] = append(rows[k], t)
	}
	slices.SortFunc(keys, func(a, b key) int {
		if c := strings.Compare(b.version, a.version); c != 0 { // 7.2 before 10.0
			return c
		}
		return a.channels - b.channels
	})
	var b strings.Builder
	fmt.Fprint(&b, "| QEMU | channels | cancelled | never ended, 95 % | guests whole | until walm knew, median and worst of those that ended |\n|---|---|---|---|---|---|\n")
	for _, k := range keys {
		stuck, whole := 0, 0
		var took []time.Duration
		for _, t := range rows[k] {
			if t.Stuck {
				stuck++
			} else {
				took = append(took, t.Took)
			}
			if t.Whole {
				whole++
			}
		}
		slices.Sort(took)
		times := "–"
		if n := len(took); n > 0 {
			times = fmt.Sprintf("%v, %v", took[n/2].Round(time.Millisecond), took[n-1].Round(time.Millisecond))
		}
		lo, hi := stats.Wilson(stuck, len(rows[k]))
		fmt.Fprintf(&b, "| %s | %d | %d | %d (%.1f – %.1f %%) | %d | %s |\n", k.version, k.channels, len(rows[k]), stuck, 100*lo, 100*hi, whole, times)
	}
	return b.String()
}
