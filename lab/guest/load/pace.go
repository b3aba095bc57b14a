package load

import "time"

const (
	slice = 5 * time.Millisecond
	// A workload that is later than this drops what it missed: what a stall costs must show as work that was lost,
	// not as a burst after it. Shorter stalls are caught up, else the jitter of a busy host would slow the workload.
	maxLate = 100 * time.Millisecond
)

// pacer spreads rate pages per second over slices. Its zero time is when it is first asked.
type pacer struct {
	rate int       // above 0
	from time.Time // when the current count began
	done int       // since from
}

// due says how many pages to do now, at most two slices' worth so that the caller can look up in between, or, if none,
// how long to wait.
func (p *pacer) due(now time.Time) (pages int, wait time.Duration) {
	if p.from.IsZero() || now.Sub(p.from)-p.time(p.done+1) > maxLate {
		p.from, p.done = now, 0
	}
	ran := now.Sub(p.from) // counting from p.from, not from the last call, loses no fraction of a page
	if late := ran - p.time(p.done); late < slice {
		return 0, slice - late
	}
	pages = min(p.pages(ran)-p.done, max(1, p.pages(2*slice)))
	if pages <= 0 { // less than a page a slice
		return 0, max(p.time(p.done+1)-ran, time.Microsecond)
	}
	p.done += pages
	return pages, 0
}

func (p *pacer) pages(d time.Duration) int { return int(float64(p.rate) * d.Seconds()) }

func (p *pacer) time(pages int) time.Duration {
	return time.Duration(float64(pages) / float64(p.rate) * float64(time.Second))
}
