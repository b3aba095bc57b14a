package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"walm/move"
	"walm/report"
)

func newExplain() *cobra.Command {
	var d display
	cmd := &cobra.Command{
		Use:   "explain RECORD",
		Short: "Show what walm would have done on the way of a recorded move",
		Long: `explain replays a move from the record that walm migrate -o json wrote: at every pass boundary it shows the forecast of
the rest, how far off the first forecast was by then, and what this version of walm would have done, with the reason.
After the first action there is nothing more to replay: the move itself went another way.`,
		Example: `  walm migrate qmp+unix:///run/a.qmp --to qmp+unix:///run/b.qmp --listen 127.0.0.1:49152 \
      --shadow -o json | tee move.json
  walm explain move.json`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			d.begin(cmd)
			f, err := os.Open(args[0])
			if err != nil {
				return err
			}
			defer f.Close()
			rec, err := report.Read(f)
			if err != nil {
				return fmt.Errorf("%s: %w", args[0], err)
			}
			if rec.Moves = move.Replay(rec); len(rec.Moves) == 0 {
				fmt.Fprintf(d.out, "%s by %s leaves nothing to decide on the way.\n", rec.VM, rec.Plan.Method)
				return nil
			}
			return report.Decisions(d.out, rec, d.style())
		},
	}
	return cmd
}
