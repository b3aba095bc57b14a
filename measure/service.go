package measure

import (
	"slices"
	"time"
)

// noticeable is how far above the median a gap must lie to be listed.
const noticeable = 10 * time.Millisecond

// service reads from probes and pings what a client saw, from Started on. It is nil where nothing probed.
//
// A gap is the time between two answers that arrived one after the other, less the median of all such times, so that
// it does not hold the interval of the probe. Answers count when they arrive: one that a stalled VM gives late ends the
// gap when it comes, not when its probe was sent.
func service(e Evidence, n *notes) *Service {
	if len(e.Probes) == 0 && len(e.Pings) == 0 {
		return nil
	}
	s := new(Service)
	for _, p := range e.Probes {
		if !p.Sent.Before(e.Started) {
			s.Sent++
			if p.At.IsZero() {
				s.Lost++
			}
		}
	}
	if len(e.Probes) > 0 {
		s.addGaps(e, n)
	}
	s.addPings(e)
	return s
}

func (s *Service) addGaps(e Evidence, n *notes) {
	arrivals := arrivals(e.Probes)
	if len(arrivals) == 0 {
		n.warn("no probe was answered, of %d: what a client saw is not known", len(e.Probes))
		return
	}
	s.MedianGap = medianGap(arrivals)
	last := e.Probes[len(e.Probes)-1].Sent
	if open := last.Sub(arrivals[len(arrivals)-1]) - s.MedianGap; open >= noticeable {
		n.warn("the service did not answer in the last %v of the probe: that gap was still open", round(open))
		arrivals = append(arrivals, last)
	}
	for i := 1; i < len(arrivals); i++ {
		if arrivals[i].Before(e.Started) {
			continue
		}
		gap := Gap{At: arrivals[i-1], Len: max(0, arrivals[i].Sub(arrivals[i-1])-s.MedianGap)}
		if gap.Len > s.Downtime || s.At.IsZero() {
			s.Downtime, s.At = gap.Len, gap.At
		}
		if gap.Len >= noticeable {
			s.Gaps = append(s.Gaps, gap)
		}
	}
	if own := s.unsent(e.Probes); own >= noticeable && own >= s.Downtime/2 {
		n.warn("within the longest gap (%v) the prober itself sent nothing for %v: the gap may be its own", round(s.Downtime),
			round(own))
	}
}

// unsent is the longest time within the longest gap in which no probe was sent, less the median gap.
func (s *Service) unsent(probes []Echo) time.Duration {
	var longest time.Duration
	end := s.At.Add(s.Downtime + s.MedianGap)
	for i := 1; i < len(probes); i++ {
		from, to := later(probes[i-1].Sent, s.At), earlier(probes[i].Sent, end)
		longest = max(longest, to.Sub(from)-s.MedianGap)
	}
	return longest
}

// addPings measures as the seed studies did: lost pings × interval, between the first answered ping and the last.
func (s *Service) addPings(e Evidence) {
	answered := func(p Echo) bool { return !p.At.IsZero() }
	first := slices.IndexFunc(e.Pings, answered)
	lost, sent := 0, 0
	for i, p := range e.Pings {
		if p.Sent.Before(e.Started) {
			continue
		}
		sent++
		switch {
		case !answered(p) && first >= 0 && i > first:
			lost++
		case answered(p):
			s.PingsLost = lost // those after the last answer stay out
		}
	}
	s.PingsSent = sent
	s.Ping = time.Duration(s.PingsLost) * PingEvery
}

func arrivals(probes []Echo) []time.Time {
	var at []time.Time
	for _, p := range probes {
		if !p.At.IsZero() {
			at = append(at, p.At)
		}
	}
	slices.SortFunc(at, time.Time.Compare)
	return at
}

func medianGap(at []time.Time) time.Duration {
	if len(at) < 2 {
		return 0
	}
	gaps := make([]time.Duration, len(at)-1)
	for i := range gaps {
		gaps[i] = at[i+1].Sub(at[i])
	}
	slices.Sort(gaps)
	return (gaps[(len(gaps)-1)/2] + gaps[len(gaps)/2]) / 2
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
