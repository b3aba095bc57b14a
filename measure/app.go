package measure

import (
	"math"
	"slices"
	"time"
)

// Sample is a request of a client to a program in the guest. Requests are due at times that the answers do not shift, so
// that a stall is seen by every request that falls into it, and not only by the one that it met.
type Sample struct {
	Due    time.Time     // when it was to be sent
	Late   time.Duration // how much later the client sent it
	Took   time.Duration // from Due until its answer, or until it was given up
	Failed bool          // no answer, or an error
	Wrong  bool          // an answer, and not what had been written: Failed, too
}

// App is what the clients of a program in the guest saw.
type App struct {
	Program      string
	Sent, Failed int           // requests: all, and those without a good answer
	Rate         float64       // requests answered per second before the migration
	Gap          time.Duration // longest time without an answer
	P50, P99     time.Duration // latency before the migration
	During       time.Duration // p99 latency from its start until throughput was back
	Back         time.Duration // from its start until throughput was back at 95 %; 0: it never left
	Complete     bool          // it came back within the time watched
	Warnings     []string      `json:",omitempty"`
}

const (
	// appWindow is over which throughput is counted, and appStep how far the next window begins.
	appWindow, appStep = 500 * time.Millisecond, 20 * time.Millisecond
	// inTime is how soon a request is answered that counts for the throughput of when it was due. A backlog that is answered
	// in one burst would otherwise pass for throughput.
	inTime    = 100 * time.Millisecond
	appFewest = 50 // answers before the start that p99 wants at least
)

// AssessApp makes of a client's samples what it saw of a migration that was under way from started to ended.
func AssessApp(program string, samples []Sample, started, ended time.Time) App {
	a := App{Program: program, Sent: len(samples)}
	var n notes
	var before, answers []Sample // good ones
	wrong := 0
	for _, s := range samples {
		if s.Wrong {
			wrong++
		}
		if s.Failed {
			a.Failed++
			continue
		}
		answers = append(answers, s)
		if s.answered().Before(started) {
			before = append(before, s)
		}
	}
	if wrong > 0 {
		n.warn("%d answers were not what had been written", wrong)
	}
	if len(before) < appFewest {
		n.warn("%s answered %d requests before the start: latency and throughput want %d", program, len(before), appFewest)
	}
	a.P50, a.P99 = quantile(before, 0.5), quantile(before, 0.99)
	seen := last(samples)
	if len(before) > 1 {
		byDue(answers)
		a.Rate = float64(len(before)) / started.Sub(answers[0].Due).Seconds()
		a.back(answers, seen, started, ended, &n)
		until := started.Add(a.Back)
		if a.Back == 0 {
			until = ended
		}
		a.During = quantile(within(samples, started, until), 0.99)
	}
	a.gap(answers, seen, started, &n)
	a.Warnings = n.warnings
	return a
}

// back finds when throughput was back for good: the first window after the migration that is as full as before, and from
// there on backwards while windows are, because it may have been back in the middle of it.
func (a *App) back(answers []Sample, seen, started, ended time.Time, n *notes) {
	bound := max(inTime, a.P99)
	soon := slices.DeleteFunc(slices.Clone(answers), func(s Sample) bool { return s.Took > bound })
	good := func(from time.Time) bool {
		return float64(dueWithin(soon, from, from.Add(appWindow))) >= back*a.Rate*appWindow.Seconds()
	}
	at := ended
	for ; !at.Add(appWindow).After(seen); at = at.Add(appStep) {
		if good(at) {
			a.Complete = true
			break
		}
	}
	if !a.Complete {
		a.Back = max(0, seen.Sub(started))
		n.warn("throughput of %s was not back at %g %% when the watching ended", a.Program, 100*back)
		return
	}
	for at.After(started) && good(at.Add(-appStep)) {
		at = at.Add(-appStep)
	}
	if !at.After(started) {
		return
	}
	for _, s := range answers { // what was due before is answered by then
		if s.Took > bound && !s.Due.Before(started) && s.Due.Before(at) {
			at = later(at, s.answered())
		}
	}
	a.Back = at.Sub(started)
}

// gap finds the longest time without an answer. Where the client itself was late for most of it, it says so.
func (a *App) gap(answers []Sample, seen, started time.Time, n *notes) {
	slices.SortFunc(answers, func(x, y Sample) int { return x.answered().Compare(y.answered()) })
	from, late := started, time.Duration(0)
	for _, s := range answers {
		if !s.answered().Before(started) && s.answered().Sub(from) > a.Gap {
			a.Gap, late = s.answered().Sub(from), s.Late
		}
		from = s.answered()
	}
	if open := seen.Sub(from); open > a.Gap {
		a.Gap, late = open, 0
		n.warn("%s did not answer in the last %v", a.Program, round(open))
	}
	if late >= noticeable && late > a.Gap/2 {
		n.warn("the client itself was %v late in the longest gap (%v)", round(late), round(a.Gap))
	}
}

func (s Sample) answered() time.Time { return s.Due.Add(s.Took) }

// last is until when a client watched, as far as its samples tell.
func last(samples []Sample) (at time.Time) {
	for _, s := range samples {
		at = later(at, s.answered())
	}
	return at
}

// within are the samples that were due in a stretch of time.
func within(samples []Sample, from, to time.Time) (in []Sample) {
	for _, s := range samples {
		if !s.Due.Before(from) && !s.Due.After(to) {
			in = append(in, s)
		}
	}
	return in
}

func byDue(samples []Sample) {
	slices.SortFunc(samples, func(x, y Sample) int { return x.Due.Compare(y.Due) })
}

// dueWithin counts those of samples, which are sorted, that were due in a stretch of time.
func dueWithin(samples []Sample, from, to time.Time) int {
	i, _ := slices.BinarySearchFunc(samples, from, func(s Sample, t time.Time) int { return s.Due.Compare(t) })
	j, _ := slices.BinarySearchFunc(samples, to, func(s Sample, t time.Time) int { return s.Due.Compare(t) })
	return j - i
}

// quantile is the latency that a share of samples does not exceed, by the nearest rank; what failed took as long as it
// was waited for.
func quantile(samples []Sample, share float64) time.Duration {
	if len(samples) == 0 {
		return 0
	}
	took := make([]time.Duration, len(samples))
	for i, s := range samples {
		took[i] = s.Took
	}
	slices.Sort(took)
	return took[max(0, int(math.Ceil(share*float64(len(took))))-1)]
}
