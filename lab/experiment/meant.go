package experiment

import (
	"fmt"

	"walm/internal/nearest"
)

// meant names the known word that is nearest to a wrong one, if any is near.
func meant(word string, known []string) string {
	best, least := "", 3
	for _, k := range known {
		if d := nearest.Distance(word, k); d < least && d < len(k) {
			best, least = k, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(" (did you mean %s?)", best)
}
