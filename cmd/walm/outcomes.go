package main

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"walm/learn"
	"walm/measure"
	"walm/predict"
	"walm/report"
)

func newOutcomes() *cobra.Command {
	var from sources
	last := 10
	cmd := &cobra.Command{
		Use:   "outcomes",
		Short: "The last migrations, forecast beside measured",
		Long: `outcomes lists the last migrations that walm has made from this host, each with its forecast, the 80 % interval, and
what was measured. -o json gives all that is kept of each.`,
		Example: `  walm outcomes
  walm outcomes --last 3 -o json`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			all, err := from.outcomes(cmd.Context(), cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			all = all[max(0, len(all)-last):]
			if from.output == "json" {
				return writeJSON(cmd.OutOrStdout(), all)
			}
			return outcomeTable(cmd.OutOrStdout(), all)
		},
	}
	from.flags(cmd)
	parsed(cmd.Flags(), &last, "last", "N", "10", "how many, from 1 to 255", count)
	return cmd
}

func outcomeTable(out io.Writer, all []learn.Outcome) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "when\tvm\tmethod\tto\ttotal time\tforecast (80 %)\tdowntime\tforecast (80 %)\tresult")
	for _, o := range all {
		tmt, dt, result := "–", "–", string(o.Result)
		if o.Result == measure.Moved {
			tmt, dt = report.Duration(o.TMT), report.Duration(o.DT)
		}
		if o.Steered {
			result += ", steered"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", o.At.Local().Format(time.DateTime), o.VM, o.Method, o.Pair.Destination,
			tmt, spanOf(o.Forecast.TMT), dt, spanOf(o.Forecast.DT), result)
	}
	return w.Flush()
}

func spanOf(s predict.Span) string {
	if s.Mid == predict.Never {
		return "never"
	}
	return fmt.Sprintf("%s (%s – %s)", report.Duration(s.Mid), report.Duration(s.Lo), report.Duration(s.Hi))
}
