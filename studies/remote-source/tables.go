package main

import (
	"fmt"
	"io"
	"text/tabwriter"

	"walm/learn"
	"walm/measure"
	"walm/stats"
	"walm/vm"
)

type source struct {
	name string
	of   func(Trial) learn.Outcome
}

// sources are the forecasts that were made of a series' moves, and for the series in which libvirt was asked for its dirty rate alone
// the one that today's model makes of the same look.
func sources(told bool) []source {
	remote := "libvirt's dirty rate"
	if told {
		remote = "what libvirt tells"
	}
	all := []source{
		{"the host's own look", func(t Trial) learn.Outcome { return t.Local }},
		{remote, func(t Trial) learn.Outcome { return t.Remote }},
		{"the same, the link's nominal speed", func(t Trial) learn.Outcome {
			o := t.Remote
			o.Forecast = t.Rough
			return o
		}},
	}
	if !told {
		all = append(all, source{remote + ", forecast anew", anew})
	}
	return all
}

// anew forecasts from a look of the first series, which took all memory for read, as from what it is: one that read none.
func anew(t Trial) learn.Outcome {
	o := t.Remote
	o.Trace.Present, o.Trace.Unread = 0, o.Trace.RAM
	return o.Again(constants())
}

// quiet is the load up to which the machine's two CPUs are the moves' own, more or less.
const quiet = 6

// tables shows the series apart, and moves of a quiet machine and of a loaded one: under load what is measured is mostly the load.
func tables(w io.Writer, all []Trial) error {
	if len(all) == 0 {
		return fmt.Errorf("no results in %s yet: remote-source run 1", file)
	}
	for _, told := range []bool{true, false} {
		for _, loaded := range []bool{false, true} {
			var part []Trial
			for _, t := range all {
				if t.Told == told && (t.Load > quiet) == loaded {
					part = append(part, t)
				}
			}
			if len(part) == 0 {
				continue
			}
			if err := table(w, part, sources(told)); err != nil {
				return err
			}
		}
	}
	return nil
}

func table(w io.Writer, all []Trial, from []source) error {
	var ended []Trial
	failed, cancelled := 0, 0
	var loads, forecasts stats.Sample
	for _, t := range all {
		loads = append(loads, t.Load)
		if a, b := t.Local.Forecast.TMT.Mid, t.Remote.Forecast.TMT.Mid; a > 0 && a < limit && b < limit {
			forecasts = append(forecasts, b.Seconds()/a.Seconds())
		}
		switch {
		case t.Local.Result == measure.Cancelled && t.Err == "":
			cancelled++
			ended = append(ended, t)
		case !t.Whole:
			failed++
		default:
			ended = append(ended, t)
		}
	}
	fmt.Fprintf(w, "%d moves, %d of them given up at %v, %d failed and left out; load %.1f in the median, %.1f to %.1f\n", len(all), cancelled,
		limit, failed, loads.Median(), loads.Quantile(0), loads.Quantile(1))
	ratio := forecasts.MedianInterval(0.95, 1)
	fmt.Fprintf(w, "the remote source forecasts × %.2f (95 %%: %.2f – %.2f) of the total time that the local one does, n = %d\n\n", ratio.Mid,
		ratio.Lo, ratio.Hi, len(forecasts))
	out := tabwriter.NewWriter(w, 0, 0, 1, ' ', 0)
	fmt.Fprintln(out, "| forecast from |\tmethod |\tn |\ttotal time: median error |\tp90 |\tin 80 % |\tin 95 % |\tdowntime: median off |\tin 80 % |\tloss: median error |\tin 80 % |")
	fmt.Fprintln(out, "|---|\t---|\t---|\t---|\t---|\t---|\t---|\t---|\t---|\t---|\t---|")
	for _, m := range []vm.Method{"", vm.PreCopy, vm.PostCopy, vm.Hybrid} {
		for _, s := range from {
			row(out, s.name, m, ended, s.of)
		}
	}
	if err := out.Flush(); err != nil {
		return err
	}
	return compare(w, ended)
}

// row is one source's errors with one method, or with all where m is empty.
func row(w io.Writer, name string, m vm.Method, ended []Trial, of func(Trial) learn.Outcome) {
	var os []learn.Outcome
	for _, t := range ended {
		if m == "" || t.Method == m {
			os = append(os, of(t))
		}
	}
	word := string(m)
	if m == "" {
		word = "all"
	}
	for _, a := range learn.By(os, func(learn.Outcome) string { return word }) {
		fmt.Fprintf(w, "| %s |\t%s |\t%d |\t%s |\t%.1f %% |\t%s |\t%s |\t%.0f ms (%.0f – %.0f) |\t%s |\t%s (n %d) |\t%s |\n", name, word, a.TMT.N,
			share(a.TMT.Share), 100*a.TMT.P90, held(a.TMT.Held80), held(a.TMT.Held95), 1e3*a.DT.Off.Mid, 1e3*a.DT.Off.Lo, 1e3*a.DT.Off.Hi,
			held(a.DT.Held80), share(a.Loss.Share), a.Loss.N, held(a.Loss.Held80))
	}
}

func share(e stats.Estimate) string {
	return fmt.Sprintf("%.1f %% (%.1f – %.1f)", 100*e.Mid, 100*e.Lo, 100*e.Hi)
}

func held(c learn.Coverage) string { return fmt.Sprintf("%d/%d", c.Held, c.N) }

// compare says in pairs how much further off the remote source is, of the same moves.
func compare(w io.Writer, ended []Trial) error {
	for _, q := range []struct {
		name string
		off  func(learn.Outcome) (float64, bool)
	}{
		{"total time", func(o learn.Outcome) (float64, bool) { return off(o.Forecast.TMT.Mid.Seconds(), o.TMT.Seconds()) }},
		{"downtime", func(o learn.Outcome) (float64, bool) { return off(o.Forecast.DT.Mid.Seconds(), o.DT.Seconds()) }},
		{"service loss", func(o learn.Outcome) (float64, bool) { return off(o.Forecast.Loss.Mid.Seconds(), o.Loss.Seconds()) }},
	} {
		var here, there stats.Sample
		for _, t := range ended {
			a, ok := q.off(t.Local)
			b, also := q.off(t.Remote)
			if ok && also {
				here, there = append(here, a), append(there, b)
			}
		}
		if len(here) < 2 {
			continue
		}
		c, err := stats.Compare(here, there, stats.Difference, 0.95, 1)
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "\n%s, the remote source's error less the local one's, in pairs: %+.1f points (95 %%: %+.1f – %+.1f), n = %d, p = %.3f\n",
			q.name, 100*c.Mid, 100*c.Lo, 100*c.Hi, len(here), c.P)
	}
	return nil
}

// off is |forecast − measured| ÷ measured, where both are known.
func off(forecast, measured float64) (float64, bool) {
	if measured <= 0 || forecast > 1e6 {
		return 0, false
	}
	return max(forecast-measured, measured-forecast) / measured, true
}
