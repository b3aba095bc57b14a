package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"walm/learn"
	"walm/predict"
	"walm/report"
)

func newAccuracy() *cobra.Command {
	var from sources
	var again bool
	cmd := &cobra.Command{
		Use:   "accuracy",
		Short: "How far off walm's forecasts have been",
		Long: `accuracy holds the forecast of every migration that walm has made from this host against what was measured: errors by
method, by class of workload and by pair of hosts, and how often the intervals held. An 80 % interval should hold 80
times in 100; one that chance does not explain is called too narrow or too wide. The bars count errors from −25 % to
+25 % in steps of 5 %, the outermost ones all beyond.

A migration that something else was made of on the way is left out. --again asks what the present version of walm would
have said, from what was seen before each migration.`,
		Example: `  walm accuracy
  walm accuracy -o json
  walm accuracy --from forecast-synthetic.jsonl --again`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			all, err := from.outcomes(cmd.Context(), cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			if again {
				for i, o := range all {
					all[i] = o.Again(predict.DefaultHost())
				}
			}
			groups := []grouped{{"method", learn.By(all, learn.Method)}, {"class", learn.By(all, learn.Class)},
				{"hosts", learn.By(all, learn.Hosts)}}
			if from.output == "json" {
				return writeJSON(cmd.OutOrStdout(), groups)
			}
			return accuracyTables(cmd.OutOrStdout(), groups)
		},
	}
	from.flags(cmd)
	cmd.Flags().BoolVar(&again, "again", false, "forecast anew, with this version of walm and the default constants")
	return cmd
}

// grouped is one table of accuracy.
type grouped struct {
	By     string
	Groups []learn.Accuracy
}

func accuracyTables(out io.Writer, groups []grouped) error {
	for i, g := range groups {
		if i > 0 {
			fmt.Fprintln(out)
		}
		w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		fmt.Fprintf(w, "%s\tof\tn\toff by, median (95 %%)\tp90\tmedian of forecast − measured\t−25 … +25 %%\t80 %% held\t95 %% held\n", g.By)
		for _, a := range g.Groups {
			fmt.Fprintf(w, "%s\tending\t%d\t%s\n", a.Group, a.N, ending(a))
			errorRow(w, "total time", a.TMT, false)
			errorRow(w, "downtime", a.DT, true)
			errorRow(w, "service loss", a.Loss, true)
		}
		if err := w.Flush(); err != nil {
			return err
		}
	}
	return nil
}

// ending says how often a migration ended, or did not, as forecast.
func ending(a learn.Accuracy) string {
	text := "as forecast"
	if a.Wrong > 0 {
		text = fmt.Sprintf("%d as forecast, %d otherwise", a.N-a.Wrong, a.Wrong)
	}
	if a.Steered > 0 {
		text += fmt.Sprintf("; besides, %d steered on the way", a.Steered)
	}
	return text
}

// errorRow shows errors as shares; where what is measured can be next to nothing, in time first.
func errorRow(w io.Writer, name string, e learn.Errors, absolute bool) {
	if e.N == 0 {
		return
	}
	off := fmt.Sprintf("%.1f %% (%.1f – %.1f)", 100*e.Share.Mid, 100*e.Share.Lo, 100*e.Share.Hi)
	if absolute {
		off = fmt.Sprintf("%s (%s – %s), %.1f %%", short(e.Off.Mid), short(e.Off.Lo), short(e.Off.Hi), 100*e.Share.Mid)
	}
	fmt.Fprintf(w, "\t%s\t%d\t%s\t%.1f %%\t%+.1f %%\t%s\t%s\t%s\n", name, e.N, off, 100*e.P90, 100*e.Bias, bars(e.Each),
		coverage(e.Held80, 0.8), coverage(e.Held95, 0.95))
}

func short(seconds float64) string {
	return report.Duration(time.Duration(seconds * float64(time.Second)))
}

// bars counts errors in steps of 5 %, from −25 % to +25 %; the first and the last hold all that is beyond.
func bars(errors []float64) string {
	const half, step = 5, 0.05
	var counts [2*half + 1]int
	most := 0
	for _, e := range errors {
		at := half + int(max(-half, min(half, math.Round(e/step))))
		counts[at]++
		most = max(most, counts[at])
	}
	blocks := []rune(" ▁▂▃▄▅▆▇█")
	var text []rune
	for _, n := range counts {
		// What is there is seen: rounded up.
		text = append(text, blocks[(n*(len(blocks)-1)+most-1)/max(most, 1)])
	}
	return "|" + string(text) + "|"
}

// coverage says how often an interval held, the interval of that, and whether the promise is beyond what chance explains.
func coverage(c learn.Coverage, promised float64) string {
	if c.N == 0 {
		return "–"
	}
	text := fmt.Sprintf("%d of %d (%.0f – %.0f %%)", c.Held, c.N, 100*c.Lo, 100*c.Hi)
	if word := c.Fits(promised); word != "" {
		text += ": " + word
	}
	return text
}

func writeJSON(out io.Writer, v any) error {
	e := json.NewEncoder(out)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
