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
	rate float64   // above 0
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

func (p *pacer) pages(d time.Duration) int { return int(p.rate * d.Seconds()) }

func (p *pacer) time(pages int) time.Duration {
	return time.Duration(float64(pages) / p.rate * float64(time.Second))
}

// schedule says how many pages to do now or, if none, how long to wait.
type schedule interface {
	due(now time.Time) (pages int, wait time.Duration)
}

// pacer is what spreads p's work over time, nil where it works flat out or not at all.
func (p Part) pacer() schedule {
	switch {
	case p.Blocks > 0:
		return &bursts{blocks: p.Blocks, period: p.Period}
	case p.Kind == Array && p.Delay > 0:
		return &pacer{rate: 1 / p.Delay.Seconds()}
	case p.Rate > 0:
		return &pacer{rate: float64(p.Rate)}
	}
	return nil
}

// bursts does a number of blocks as fast as it can at the start of every period. Its zero time is when it is first asked.
type bursts struct {
	blocks int
	period time.Duration
	from   time.Time
	done   int // since from
}

func (b *bursts) due(now time.Time) (pages int, wait time.Duration) {
	if b.from.IsZero() {
		b.from = now
	}
	begun := int(now.Sub(b.from)/b.period) + 1 // periods
	// What was missed by more than a period is dropped, as pacer does it.
	if late := now.Sub(b.from) - time.Duration(b.done/b.blocks)*b.period; late > max(2*b.period, maxLate) {
		b.from, b.done, begun = now, 0, 1
	}
	if left := begun*b.blocks - b.done; left > 0 {
		pages = min(left, flatOut)
		b.done += pages
		return pages, 0
	}
	return 0, b.from.Add(time.Duration(begun) * b.period).Sub(now)
}

// phases are stretches of work and of rest in turn. Without quiet ones, it is always time to work.
type phases struct {
	busy, quiet time.Duration
	from        time.Time
}

// left is how long it still rests; 0 while it works.
func (p *phases) left(now time.Time) time.Duration {
	if p.quiet == 0 {
		return 0
	}
	if p.from.IsZero() {
		p.from = now
	}
	if at := now.Sub(p.from) % (p.busy + p.quiet); at >= p.busy {
		return p.busy + p.quiet - at
	}
	return 0
}
