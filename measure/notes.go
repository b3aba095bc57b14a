package measure

import (
	"fmt"
	"time"
)

// notes collects the doubts that travel with an Outcome.
type notes struct{ warnings []string }

func (n *notes) warn(format string, args ...any) {
	n.warnings = append(n.warnings, fmt.Sprintf(format, args...))
}

// round shortens a duration for reading: milliseconds are as fine as any of them is known.
func round(d time.Duration) time.Duration { return d.Round(time.Millisecond) }
