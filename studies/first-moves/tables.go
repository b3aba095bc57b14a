package main

import (
	"fmt"
	"io"
	"math"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"walm/measure"
	"walm/stats"
	"walm/vm"
)

const confidence, seed = 0.95, 1

// tables prints what the results say. The same results give the same bytes.
func tables(w io.Writer, dir string) error {
	for _, t := range []struct {
		name  string
		print func(io.Writer, []Trial) error
	}{{"soak", soakTable}, {"forecast", forecastTable}, {"steering", steeringTable}, {"watching", watchingTable}} {
		trials, err := read(filepath.Join(dir, t.name+".jsonl"))
		if err != nil {
			return err
		}
		if len(trials) == 0 {
			continue
		}
		fmt.Fprintf(w, "%s: n = %d\n\n", t.name, len(trials))
		if err := t.print(w, trials); err != nil {
			return err
		}
		fmt.Fprintln(w)
	}
	return nil
}

func table(w io.Writer) *tabwriter.Writer { return tabwriter.NewWriter(w, 0, 0, 2, ' ', 0) }

func soakTable(w io.Writer, all []Trial) error {
	tw := table(w)
	fmt.Fprintln(tw, "QEMU\tmethod\tmoves\talive and whole\tpages checked\twritten meanwhile\tbad")
	for _, s := range suites {
		for _, m := range vm.Methods() {
			n, good, pages, written, bad := 0, 0, 0, 0, 0
			for _, t := range all {
				if t.Method != m || !strings.HasPrefix(t.Key, s.name+"/") {
					continue
				}
				n++
				pages, written, bad = pages+t.Pages, written+t.Written, bad+t.Bad
				if t.Result == measure.Moved && t.Pages > 0 && t.Bad == 0 {
					good++
				}
			}
			fmt.Fprintf(tw, "%s\t%s\t%d\t%d\t%d\t%d\t%d\n", s.name, m, n, good, pages, written, bad)
		}
	}
	return tw.Flush()
}

// forecastTable gives errors as predicted − measured over measured. A move that was given up has no measured total: it
// counts as right where "never" was forecast, and as wrong without a figure where an end was.
func forecastTable(w io.Writer, all []Trial) error {
	tw := table(w)
	fmt.Fprintln(tw, "workload\tmethod\tn\tTMT s\tforecast\terror\tDT s\tforecast\tloss s\tforecast\tended")
	var misses []float64
	var within, ended, verdicts int
	for _, load := range workloads {
		for _, m := range vm.Methods() {
			var tmt, ftmt, dt, fdt, loss, floss, miss []float64
			n, done := 0, 0
			for _, t := range all {
				if t.Method != m || !strings.HasPrefix(t.Workload, load) {
					continue
				}
				n++
				f := t.Forecast["tmt"]
				if (f.Mid >= 0) == (t.Result == measure.Moved) {
					verdicts++
				}
				if t.Result != measure.Moved {
					continue
				}
				done++
				tmt, dt, loss = append(tmt, t.TMT.Seconds()), append(dt, t.DT.Seconds()), append(loss, t.Loss.Seconds())
				fdt, floss = append(fdt, t.Forecast["dt"].Mid), append(floss, t.Forecast["loss"].Mid)
				if f.Mid < 0 {
					continue
				}
				ftmt = append(ftmt, f.Mid)
				e := math.Abs(f.Mid-t.TMT.Seconds()) / t.TMT.Seconds()
				miss, misses = append(miss, 100*e), append(misses, 100*e)
				ended++
				if f.Lo <= t.TMT.Seconds() && (f.Hi < 0 || t.TMT.Seconds() <= f.Hi) {
					within++
				}
			}
			fmt.Fprintf(tw, "%s\t%s\t%d\t%s\t%s\t%s %%\t%s\t%s\t%s\t%s\t%d of %d\n", load, m, n, mid(tmt), mid(ftmt), mid(miss),
				mid(dt), mid(fdt), mid(loss), mid(floss), done, n)
		}
	}
	if err := tw.Flush(); err != nil || len(misses) == 0 {
		return err
	}
	e := stats.Sample(misses).MedianInterval(confidence, seed)
	fmt.Fprintf(w, "\nerror of total time: median %.1f %% (95 %%: %.1f – %.1f), 90th percentile %.1f %%, n = %d that ended and were forecast to\n",
		e.Mid, e.Lo, e.Hi, stats.Sample(misses).Quantile(0.9), len(misses))
	fmt.Fprintf(w, "inside the 80 %% interval: %d of %d; right on whether it ends: %d of %d\n", within, ended, verdicts, len(all))
	return nil
}

func mid(xs []float64) string {
	if len(xs) == 0 {
		return "–"
	}
	m := stats.Sample(xs).Median()
	if m < 0 {
		return "never"
	}
	return fmt.Sprintf("%.3g", m)
}

func steeringTable(w io.Writer, all []Trial) error {
	for _, m := range []vm.Method{vm.PreCopy, vm.PostCopy} {
		for _, figure := range []struct {
			name string
			of   func(Trial) float64
		}{
			{"total time", func(t Trial) float64 { return t.TMT.Seconds() }},
			{"downtime", func(t Trial) float64 { return t.DT.Seconds() }},
		} {
			a, b := paired(all, string(m)+"/bare/", string(m)+"/walm/", figure.of)
			if err := compared(w, fmt.Sprintf("%s, %s, walm − bare script, s", m, figure.name), a, b, stats.Difference); err != nil {
				return err
			}
		}
	}
	return nil
}

func watchingTable(w io.Writer, all []Trial) error {
	a, b := paired(all, "alone/", "watched/", func(t Trial) float64 { return t.Value })
	if err := compared(w, "guest throughput, watched ÷ alone", a, b, stats.Ratio); err != nil {
		return err
	}
	c, d := paired(all, "alone/", "watched/", func(t Trial) float64 { return t.Loss.Seconds() / 10 * 100 })
	return compared(w, "walm's CPU, watching − not, % of a core", c, d, stats.Difference)
}

// paired gives the values of the trials whose keys have one prefix or the other, by repetition.
func paired(all []Trial, one, other string, of func(Trial) float64) (a, b stats.Sample) {
	by := map[string]Trial{}
	for _, t := range all {
		by[t.Key] = t
	}
	for rep := range len(all) {
		x, ok := by[fmt.Sprint(one, rep)]
		y, also := by[fmt.Sprint(other, rep)]
		if ok && also {
			a, b = append(a, of(x)), append(b, of(y))
		}
	}
	return a, b
}

func compared(w io.Writer, what string, a, b stats.Sample, by stats.Contrast) error {
	c, err := stats.Compare(a, b, by, confidence, seed)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%-48s median %.4g (95 %%: %.4g – %.4g), n = %d pairs, p = %.2g; medians %.4g and %.4g %s\n",
		what, c.Mid, c.Lo, c.Hi, c.N, c.P, a.Median(), b.Median(), c.Warning)
	return err
}
