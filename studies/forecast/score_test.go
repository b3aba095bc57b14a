package forecast

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"walm/lab/results"
	"walm/predict"
	"walm/vm"
)

// With -score, the forecasters are held against results that are not committed: go test ./studies/forecast -run Score
// -score some.jsonl,more.jsonl -v.
var (
	scored = flag.String("score", "", "results `files` to score every forecaster on, comma-separated")
	cases  = flag.Bool("cases", false, "with -score: every migration, case by case")
)

func TestScore(t *testing.T) {
	if *scored == "" {
		t.Skip("no results to score: see -score")
	}
	var trials []results.Trial
	for _, name := range strings.Split(*scored, ",") {
		s, err := results.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		trials = append(trials, s.Trials...)
	}
	out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	line := func(cells []string) { fmt.Fprintln(out, strings.Join(cells, "\t")) }
	for _, f := range forecasters() {
		all := by(f, trials)
		line(scoreHead(f.name))
		for _, m := range vm.Methods() {
			line(score(string(m), where(all, func(x migration) bool { return x.Method == m })))
		}
		for _, w := range workloads(all) {
			line(score(w, where(all, func(x migration) bool { return x.workload() == w })))
		}
		odd := func(x migration) bool { return slices.Index(workloads(all), x.workload())%2 == 0 }
		line(score("odd workloads", where(all, odd)))
		line(score("even workloads", where(all, func(x migration) bool { return !odd(x) })))
		line(score("all", all))
		line(nil)
	}
	if *cases {
		line([]string{"method", "RAM", "link", "workload", "status", "TMT", "forecast", "80", "DT ms", "", "80", "loss", "", "80", "passes", ""})
		all := by(forecasters()[1], trials)
		slices.SortStableFunc(all, func(a, b migration) int {
			return strings.Compare(string(a.Method)+a.workload(), string(b.Method)+b.workload())
		})
		for _, m := range all {
			cells := []string{string(m.Method), m.Setup.Memory.String(), m.Setup.Link.String(), m.workload(), string(m.Status)}
			for _, q := range []quantity{tmt, dt, loss} {
				got, _ := q.measured(m)
				f := q.forecast(m)
				in := ""
				switch {
				case got < f.Lo95 || f.Hi95 < got:
					in = "out95"
				case got < f.Lo || f.Hi < got:
					in = "out"
				}
				cells = append(cells, got.Round(time.Millisecond).String(), f.Mid.Round(time.Millisecond).String(), in)
			}
			line(append(cells, fmt.Sprint(m.Outcome.Passes), fmt.Sprint(m.f.Passes)))
		}
	}
	out.Flush()
}

func seen() results.Trial {
	t := results.Trial{Method: vm.PreCopy, Params: vm.Params{DowntimeLimit: 100 * time.Millisecond}, Path: vm.Link{Bandwidth: 100e6},
		Trace: &vm.Trace{RAM: 1000e6, Zero: 500e6}}
	for d := 125 * time.Millisecond; d <= 16*time.Second; d *= 2 { // 40 MB a second, 100 MB in all
		t.Trace.Curve = append(t.Trace.Curve, vm.Point{Window: d, Dirty: min(vm.Bytes(40e6*d.Seconds()), 100e6)})
	}
	return t
}

// TestBaselines: by hand. Content goes in 5 s, more or less; R/B is 0.4.
func TestBaselines(t *testing.T) {
	near := func(name string, f func(results.Trial) (predict.Forecast, bool), tr results.Trial, want float64) {
		t.Helper()
		got, ok := f(tr)
		if !ok || got.TMT.Mid.Seconds() < 0.99*want || got.TMT.Mid.Seconds() > 1.01*want {
			t.Errorf("%s: %v, %v; want %.3g s", name, got.TMT.Mid, ok, want)
		}
	}
	near("size ÷ bandwidth", sizeOverBandwidth, seen(), 10)
	// 500, 200, 80, 32, 12.8 and, in the downtime, 5.1 MB.
	near("one rate", oneRate, seen(), 8.30*1.002)
	// 500, then no more than 100, then 40, 16, 6.4 in the downtime.
	near("Gudkov", gudkov, seen(), 6.624*1.002)
	hot := seen()
	for i := range hot.Trace.Curve {
		hot.Trace.Curve[i].Dirty *= 3
	}
	if got, ok := oneRate(hot); !ok || got.Converges != 0 || got.TMT.Mid != predict.Never {
		t.Errorf("120 MB a second over a link of 100: %+v", got)
	}
	other := seen()
	other.Method = vm.Hybrid
	if _, ok := gudkov(other); ok {
		t.Error("the script knows of no hybrid")
	}
	other.Trace = nil
	for _, f := range forecasters()[1:] {
		if _, ok := f.of(other); ok {
			t.Errorf("%s forecasts from nothing", f.name)
		}
	}
}
