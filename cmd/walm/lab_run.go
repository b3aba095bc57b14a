package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"walm/cmd/walm/internal/progress"
	"walm/lab/experiment"
	"walm/lab/results"
	"walm/lab/trial"
	"walm/measure"
	"walm/migrate"
	"walm/move"
	"walm/report"
)

// labRun is how an experiment is to be run.
type labRun struct {
	display
	hosts   realHosts
	results string // file
	only    []int  // trials by number; empty: all
	blocks  int    // so many, from the first; 0: all
	record  string // folder for the whole records
}

func newLabRun() *cobra.Command {
	var r labRun
	cmd := &cobra.Command{
		Use:   "run EXPERIMENT.yaml",
		Short: "Run an experiment in the lab, or go on with it",
		Long: `run makes every trial that an experiment's file asks for, in randomised blocks, and adds each to a results file as it
ends. Whatever ends it, Ctrl-C or a power loss, the same command goes on where it stopped. A trial that fails or does
not end within its limit is a result too. Three trials in a row that could not begin end the run, and are tried again by
the next. docs/experiments.md describes the file.`,
		Example: `  walm lab run experiment.yaml
  walm lab run experiment.yaml --blocks 1 --results first.jsonl
  walm lab run experiment.yaml --only 7 --record records`,
		Args: one("an experiment's file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return r.during(cmd, func(ctx context.Context) error { return r.run(ctx, args[0]) })
		},
	}
	fs := cmd.Flags()
	fs.StringVar(&r.results, "results", "", "file to add results to (default: the experiment's name with .jsonl, in this folder)")
	r.which(fs)
	r.hosts.flags(fs)
	fs.StringVar(&r.record, "record", "", "folder for everything that was seen of each trial, as JSON")
	parsed(fs, &r.progress, "progress", "FORM", "auto", "bar, plain, json or none, on standard error",
		oneOf("auto", "bar", "plain", "json", "none"))
	return cmd
}

// which are the flags that choose trials.
func (r *labRun) which(fs *pflag.FlagSet) {
	fs.IntSliceVar(&r.only, "only", nil, "the numbers of the trials to run, with commas between (default: all)")
	fs.IntVar(&r.blocks, "blocks", 0, "run so many blocks, counted from the first (default: all)")
}

func (r *labRun) run(ctx context.Context, file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("read the experiment: %w", err)
	}
	x, err := experiment.Parse(file, text)
	if err != nil {
		return err
	}
	if r.results == "" {
		r.results = x.Name + ".jsonl"
	}
	for _, w := range x.Warnings {
		fmt.Fprintf(r.err, "%s: %s\n", file, w)
	}
	set, err := r.trials(ctx, x, text)
	if set == nil {
		return err
	}
	r.done()
	err = errors.Join(err, r.summary(*set))
	if err != nil {
		fmt.Fprintf(r.err, "what ended is in %s, and the same command goes on from there\n", r.results)
		return err
	}
	_, err = fmt.Fprintf(r.out, "\nresults: %s\nfigures: walm lab report %s\n", r.results, r.results)
	return err
}

// trials runs an experiment's trials into r.results, and returns what is there then, also beside an error.
func (r *labRun) trials(ctx context.Context, x *experiment.Experiment, text []byte) (*results.Set, error) {
	whole, err := x.Plan()
	if err != nil {
		return nil, err
	}
	chosen, err := r.choose(whole)
	if err != nil {
		return nil, err
	}
	hosts, err := r.hosts.on(chosen)
	if err != nil {
		return nil, err
	}
	if os.Geteuid() != 0 {
		return nil, errors.New("the lab makes network namespaces: run walm as root")
	}
	if r.record != "" {
		if err := os.MkdirAll(r.record, 0o777); err != nil {
			return nil, fmt.Errorf("--record: %w", err)
		}
	}
	on := trial.ThisMachine()
	if hosts != nil {
		r.step("asking the hosts")
		if on, err = hosts.Ask(ctx, chosen[0].Setup); err != nil {
			return nil, err
		}
	}
	into, _, err := trial.Open(r.results, x, text, version, on)
	if err != nil {
		return nil, err
	}
	defer into.Close()
	if begun := into.Set.Header.Version; begun != version {
		fmt.Fprintf(r.err, "%s was begun by walm %s, and this is %s: are they alike?\n", r.results, begun, version)
	}
	for _, d := range into.Set.Damaged {
		fmt.Fprintf(r.err, "%s: %s: it is left out, and its trial is run again\n", r.results, d)
	}
	s := series{display: &r.display, plan: chosen, into: into, record: r.record}
	err = trial.Run(ctx, chosen, into, trial.Watch{Hosts: hosts, Begin: s.begin, Step: s.step, Update: s.update, End: s.end})
	return &into.Set, err
}

// choose picks the trials that the flags ask for.
func (r *labRun) choose(plan []experiment.Trial) ([]experiment.Trial, error) {
	last := plan[len(plan)-1]
	for _, n := range r.only {
		if n < 1 || n > last.N {
			return nil, fmt.Errorf("--only: there is no trial %d: the plan has 1 to %d", n, last.N)
		}
	}
	if r.blocks < 0 || r.blocks > last.Block {
		return nil, fmt.Errorf("--blocks: %d is not 1 to %d, the experiment's repetitions", r.blocks, last.Block)
	}
	return slices.DeleteFunc(slices.Clone(plan), func(t experiment.Trial) bool {
		return len(r.only) > 0 && !slices.Contains(r.only, t.N) || r.blocks > 0 && t.Block > r.blocks
	}), nil
}

// series shows a run and keeps the records.
type series struct {
	*display
	plan   []experiment.Trial
	into   *results.File
	record string

	now   experiment.Trial
	what  string // goes on in it
	phase migrate.State
}

func (s *series) begin(t experiment.Trial) {
	s.now, s.what, s.phase = t, "", ""
	s.show("", false)
}

func (s *series) step(what string) {
	s.what = what
	s.show("", false)
}

func (s *series) update(u migrate.Update) {
	if u.State == s.phase {
		return
	}
	s.phase, s.what = u.State, string(u.State)
	s.show("", false)
}

func (s *series) end(t results.Trial, rec move.Record) error {
	s.show(told(t), t.Status != results.Done)
	if s.record == "" {
		return nil
	}
	f, err := os.Create(filepath.Join(s.record, fmt.Sprintf("%06d.json", t.N)))
	if err != nil {
		return fmt.Errorf("--record: %w", err)
	}
	return errors.Join(report.JSON(f, rec), f.Close())
}

func (s *series) show(ended string, odd bool) {
	var left []experiment.Trial
	for _, t := range s.plan {
		if !s.into.Done(t.N) {
			left = append(left, t)
		}
	}
	what := s.now.Cell.String()
	if s.what != "" {
		what += " · " + s.what
	}
	s.locked(func() {
		s.bar.Series(time.Now(), progress.Series{Done: len(s.plan) - len(left), Total: len(s.plan),
			Left: trial.Left(left, s.into.Set.Trials), Now: what, Ended: ended, Odd: odd})
	})
}

// told is a trial in a line.
func told(t results.Trial) string {
	line := fmt.Sprintf("trial %d, %s: %s", t.N, t.Cell, t.Status)
	if t.Why != "" {
		line += ": " + t.Why
	}
	if t.Status != results.Done {
		return line
	}
	return fmt.Sprintf("%s in %s, DT %s", line, report.Duration(t.Outcome.TMT), report.Duration(t.Outcome.DT))
}

// summary tables what there is by cell.
func (d *display) summary(set results.Set) error {
	if len(set.Trials) == 0 {
		return nil
	}
	w := tabwriter.NewWriter(d.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "CELL\tN\tDONE\tCENSORED\tFAILED\tBROKEN\tTMT\tDT")
	for _, c := range set.Cells() {
		of := set.Of(c)
		count := map[results.Status]int{}
		var tmt, dt []time.Duration
		for _, t := range of.Trials {
			count[t.Status]++
			if t.Status == results.Done && t.Outcome.Result == measure.Moved {
				tmt, dt = append(tmt, t.Outcome.TMT), append(dt, t.Outcome.DT)
			}
		}
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\t%s\t%s\n", c, len(of.Trials), count[results.Done], count[results.Censored],
			count[results.Failed], count[results.Broken], middle(tmt), middle(dt))
	}
	return w.Flush()
}

// middle shows the median of what ended.
func middle(all []time.Duration) string {
	if len(all) == 0 {
		return "-"
	}
	slices.Sort(all)
	return report.Duration((all[(len(all)-1)/2] + all[len(all)/2]) / 2)
}
