// Package nearest finds the name that a user may have meant.
package nearest

import (
	"cmp"
	"slices"
	"strings"
)

// To gives up to three of the names that a typing error or an omission turns into s, the nearest first.
func To(s string, names []string) []string {
	type found struct {
		name string
		off  int
	}
	var near []found
	for _, name := range names {
		a, b := strings.ToLower(s), strings.ToLower(name)
		off := Distance(a, b)
		switch {
		case off <= max(1, min(len(a), len(b))/3):
		case len(a) >= 2 && strings.Contains(b, a):
			off += len(b)
		default:
			continue
		}
		near = append(near, found{name, off})
	}
	slices.SortFunc(near, func(a, b found) int { return cmp.Or(cmp.Compare(a.off, b.off), cmp.Compare(a.name, b.name)) })
	var best []string
	for _, f := range near[:min(3, len(near))] {
		best = append(best, f.name)
	}
	return best
}

// Distance is how many bytes have to be put in, left out or changed to make a of b.
func Distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
