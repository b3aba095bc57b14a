package main

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"walm/learn"
	"walm/stats"
)

func newAccuracy() *cobra.Command {
	var from sources
	var output string
	cmd := &cobra.Command{
		Use:   "accuracy",
		Short: "How far off walm's forecasts have been",
		Long: `accuracy holds the forecast of every migration that walm has made from this host against what was measured: errors by
method, by class of workload and by pair of hosts, and how often the intervals held. An 80 % interval should hold 80
times in 100.`,
		Example: `  walm accuracy
  walm accuracy -o json
  walm accuracy --from forecast-synthetic.jsonl`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			all, err := from.outcomes(cmd.Context(), cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			groups := []grouped{{"method", learn.By(all, learn.Method)}, {"class", learn.By(all, learn.Class)},
				{"hosts", learn.By(all, learn.Hosts)}}
			if output == "json" {
				return writeJSON(cmd.OutOrStdout(), groups)
			}
			return accuracyTables(cmd.OutOrStdout(), groups)
		},
	}
	fromFlags(cmd, &from, &output)
	return cmd
}

func fromFlags(cmd *cobra.Command, from *sources, output *string) {
	fs := cmd.Flags()
	fs.StringSliceVar(&from.files, "from", nil, "results of the lab in place of what walm migrate has kept")
	fs.StringVar(&from.stateDir, "state-dir", "", "walm's state folder (default: $WALM_STATE or /var/lib/walm)")
	parsed(fs, output, "output,o", "FORMAT", "text", "text or json", oneOf("text", "json"))
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
		fmt.Fprintf(w, "%s\tmoves\ttotal time off by\tp90\tdowntime off by\t\tservice loss off by\t80 %% held\t95 %% held\n", g.By)
		for _, a := range g.Groups {
			fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", a.Group, a.N, share(a.TMT), percentOf(a.P90, a.TMT.N), share(a.DT), absolute(a.Off),
				share(a.Loss), coverage(a.Held80, 0.8), coverage(a.Held95, 0.95))
			if a.Wrong > 0 {
				fmt.Fprintf(w, "\t\t%d of them had been forecast never to end\n", a.Wrong)
			}
		}
		if err := w.Flush(); err != nil {
			return err
		}
	}
	return nil
}

// share is a median error with its interval, in percent.
func share(e stats.Estimate) string {
	if e.N == 0 {
		return "–"
	}
	return fmt.Sprintf("%.1f %% (%.1f – %.1f)", 100*e.Mid, 100*e.Lo, 100*e.Hi)
}

func percentOf(x float64, n int) string {
	if n == 0 {
		return "–"
	}
	return fmt.Sprintf("%.1f %%", 100*x)
}

func absolute(e stats.Estimate) string {
	if e.N == 0 {
		return "–"
	}
	return time.Duration(e.Mid * float64(time.Second)).Round(time.Millisecond).String()
}

// coverage says how often an interval held, and whether what it promises is beyond what chance explains.
func coverage(c learn.Coverage, promised float64) string {
	switch {
	case c.N == 0:
		return "–"
	case c.Hi < promised:
		return fmt.Sprintf("%d of %d: too narrow", c.Held, c.N)
	case c.Lo > promised:
		return fmt.Sprintf("%d of %d: too wide", c.Held, c.N)
	}
	return fmt.Sprintf("%d of %d", c.Held, c.N)
}

func writeJSON(out io.Writer, v any) error {
	e := json.NewEncoder(out)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
