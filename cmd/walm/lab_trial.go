package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"walm/decide"
	"walm/lab/experiment"
	"walm/lab/results"
	"walm/lab/trial"
	"walm/move"
)

func newLabTrial() *cobra.Command {
	var d display
	var cell string
	cmd := &cobra.Command{
		Use:   "trial EXPERIMENT.yaml",
		Short: "Run one trial of an experiment with everything recorded, and show it on one page",
		Long: `trial runs one cell of an experiment once, outside of its results, and writes a page on one axis of time: the passes and
what each left to send, the link's use, the guest's throughput, what its clients missed, and the CPU that the guest and
both QEMUs used. All methods are forecast as well, so that the choice can be judged. It needs root.`,
		Example: `  walm lab trial salfner-rate.yaml
  walm lab trial salfner-rate.yaml --cell wset=60%,rate=20000 --html trial.html`,
		Args: one("an experiment's file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			text, err := os.ReadFile(args[0])
			if err != nil {
				return fmt.Errorf("read the experiment: %w", err)
			}
			x, err := experiment.Parse(args[0], text)
			if err != nil {
				return err
			}
			t, err := pick(x, cell)
			if err != nil {
				return seeHelp(cmd, err)
			}
			if d.html == "" {
				d.html = fmt.Sprintf("%s/walm-trial-%s.html", os.TempDir(), time.Now().Format("20060102-150405"))
			}
			if err := writable(d.html); err != nil {
				return err
			}
			return d.during(cmd, func(ctx context.Context) error { return runTrial(ctx, &d, t) })
		},
	}
	cmd.Flags().StringVar(&cell, "cell", "", "levels of the factors, such as wset=60%,rate=20000 (default, also of those not named: the first)")
	cmd.Flags().StringVar(&d.html, "html", "", "file for the page (default: walm-trial-TIME.html in the folder for temporary files)")
	d.flags(cmd.Flags())
	return cmd
}

// pick finds the first trial of the plan's first block that is at all given levels; of cells as good as each other it is
// the first in the order of the file.
func pick(x *experiment.Experiment, cell string) (experiment.Trial, error) {
	want := map[string]string{}
	for part := range strings.SplitSeq(cell, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		factor, level, ok := strings.Cut(part, "=")
		if !ok {
			return experiment.Trial{}, fmt.Errorf("--cell: %q is not FACTOR=LEVEL", part)
		}
		want[factor] = level
	}
	for factor, level := range want {
		if err := known(x, factor, level); err != nil {
			return experiment.Trial{}, err
		}
	}
	plan, err := x.Plan()
	if err != nil {
		return experiment.Trial{}, err
	}
	best, found := experiment.Trial{}, false
	for _, t := range plan {
		if t.Block == 1 && holds(t.Cell, want) && (!found || earlier(x, t.Cell, best.Cell)) {
			best, found = t, true
		}
	}
	if !found {
		return best, fmt.Errorf("--cell: the experiment leaves out every cell with %s", cell)
	}
	best.Setup.Forecasts = true
	return best, nil
}

func known(x *experiment.Experiment, factor, level string) error {
	var names []string
	for _, f := range x.Factors {
		names = append(names, f.Name)
		if f.Name != factor {
			continue
		}
		for _, l := range f.Levels {
			if l == level {
				return nil
			}
		}
		return fmt.Errorf("--cell: factor %s has no level %q: it has %s", factor, level, strings.Join(f.Levels, ", "))
	}
	return fmt.Errorf("--cell: no factor %q: the experiment varies %s", factor, strings.Join(names, ", "))
}

func holds(c experiment.Cell, want map[string]string) bool {
	for factor, level := range want {
		if l, _ := c.Level(factor); l != level {
			return false
		}
	}
	return true
}

// earlier says whether a comes before b in the order of the file.
func earlier(x *experiment.Experiment, a, b experiment.Cell) bool {
	for i, f := range x.Factors {
		for _, l := range f.Levels {
			if a[i].Level != b[i].Level {
				if a[i].Level == l {
					return true
				}
				if b[i].Level == l {
					return false
				}
			}
		}
	}
	return false
}

func runTrial(ctx context.Context, d *display, t experiment.Trial) (err error) {
	shown := move.Record{Plan: decide.Plan{Method: t.Setup.Method}}
	bench := &trial.Bench{Step: d.step, Update: d.watch(&shown)}
	defer func() { err = errors.Join(err, bench.Close()) }()
	out, rec, err := bench.Try(ctx, t)
	if err != nil {
		if ctx.Err() != nil {
			return interrupted(err)
		}
		return err
	}
	d.done()
	if out.Status == results.Broken {
		return fail(exitUsage, "run %s: no migration was begun: %s", t.Cell, out.Why)
	}
	if d.output != "json" {
		fmt.Fprintf(d.out, "%s, %s: %s\n", t.Cell, t.Setup.Workload, out.Status)
		if out.Why != "" {
			fmt.Fprintln(d.out, out.Why)
		}
		fmt.Fprintln(d.out)
	}
	return errors.Join(d.outcome(rec), outcome(rec))
}
