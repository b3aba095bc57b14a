package main

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"walm/lab/experiment"
	"walm/lab/results"
	"walm/lab/trial"
	"walm/move"
	"walm/studies/study"
)

// studyRun is what study run was asked for.
type studyRun struct {
	dir      string
	only     string
	full     bool
	compress bool
}

func newStudyRun() *cobra.Command {
	var d display
	var r studyRun
	cmd := &cobra.Command{
		Use:   "run STUDY",
		Short: "Run a study's experiments on this machine",
		Long: `run carries out a study's experiments, one after the other, and keeps what each migration cost in DIR, a file an
experiment. It needs root. What was interrupted, even by a loss of power, goes on where it stopped when it is run again.`,
		Example: `  walm study run icclab --results ./icclab
  walm study run icclab --results ./icclab --only convergence.yaml
  walm study run icclab --results ./icclab-full --full`,
		Args: one("a study's name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := aStudy(cmd, args[0])
			if err != nil {
				return err
			}
			if r.dir == "" {
				r.dir = s.Name + "-results"
			}
			files, err := r.files(s)
			if err != nil {
				return seeHelp(cmd, err)
			}
			if err := os.MkdirAll(r.dir, 0o777); err != nil {
				return fmt.Errorf("keep results: %w", err)
			}
			err = d.during(cmd, func(ctx context.Context) error {
				for _, file := range files {
					if err := r.experiment(ctx, &d, s, file); err != nil {
						if ctx.Err() != nil {
							return interrupted(err)
						}
						return fmt.Errorf("%s: %w", file, err)
					}
				}
				return nil
			})
			if err != nil {
				return err
			}
			fmt.Fprintf(d.out, "results are in %s; walm study report %s --results %s\n", r.dir, s.Name, r.dir)
			return nil
		},
	}
	cmd.Flags().StringVar(&r.dir, "results", "", "folder for the results (default STUDY-results)")
	cmd.Flags().StringVar(&r.only, "only", "", "one experiment file of the study")
	cmd.Flags().BoolVar(&r.full, "full", false, "the design as published, which takes days and wants hosts with KVM")
	cmd.Flags().BoolVar(&r.compress, "compress", false, "compress the results of each experiment once it is complete")
	d.flags(cmd.Flags())
	return cmd
}

// files are the experiments to run, in order.
func (r studyRun) files(s study.Study) ([]string, error) {
	files := s.Runs
	if r.full {
		var err error
		if files, err = s.Full(); err != nil {
			return nil, err
		}
	}
	if r.only == "" {
		return files, nil
	}
	i := slices.IndexFunc(files, func(f string) bool { return f == r.only || path.Base(f) == r.only })
	if i < 0 {
		// Files beside the runs are there to be asked for by name.
		if _, err := fs.Stat(s.Files, r.only); err == nil && path.Ext(r.only) == ".yaml" {
			return []string{r.only}, nil
		}
		return nil, fmt.Errorf("study %s has no experiment %q: one of %s", s.Name, r.only, strings.Join(files, ", "))
	}
	return files[i : i+1], nil
}

// experiment runs one, unless its compressed results are complete already.
func (r studyRun) experiment(ctx context.Context, d *display, s study.Study, file string) error {
	text, err := fs.ReadFile(s.Files, file)
	if err != nil {
		return err
	}
	x, err := experiment.Parse(file, text)
	if err != nil {
		return err
	}
	plain := filepath.Join(r.dir, strings.TrimSuffix(path.Base(file), ".yaml")+".jsonl")
	packed := plain + ".zst"
	if complete(packed, x) {
		d.step(file + " is complete")
		return nil
	}
	into, plan, err := trial.Open(plain, x, text, version, trial.ThisMachine())
	if err != nil {
		return err
	}
	var w trial.Watch
	began, fresh, left := time.Now(), 0, len(plan)
	for _, t := range plan {
		if into.Done(t.N) {
			left--
		}
	}
	w.Begin = func(t experiment.Trial) {
		line := fmt.Sprintf("%s %d/%d: %s", x.Name, t.N, len(plan), t.Cell)
		if fresh > 0 {
			each := time.Since(began) / time.Duration(fresh)
			line += fmt.Sprintf(", about %v left", (each * time.Duration(left)).Round(time.Second))
		}
		d.step(line)
	}
	w.End = func(results.Trial, move.Record) error { fresh, left = fresh+1, left-1; return nil }
	err = trial.Run(ctx, plan, into, w)
	if closing := into.Close(); err == nil {
		err = closing
	}
	if err != nil || !r.compress {
		return err
	}
	if err := results.Compress(plain, packed); err != nil {
		return err
	}
	return os.Remove(plain)
}

// complete says whether a results file holds every trial of an experiment's plan.
func complete(file string, x *experiment.Experiment) bool {
	set, err := results.ReadFile(file)
	if err != nil {
		return false
	}
	plan, err := x.Plan()
	if err != nil {
		return false
	}
	print, err := experiment.Fingerprint(plan)
	return err == nil && set.Header.Plan == print && len(set.Trials) == len(plan)
}
