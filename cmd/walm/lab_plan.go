package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"walm/lab/experiment"
	"walm/lab/results"
	"walm/lab/trial"
	"walm/report"
)

func newLabPlan() *cobra.Command {
	var output, file string
	cmd := &cobra.Command{
		Use:   "plan EXPERIMENT.yaml",
		Short: "Check an experiment's file, and show what would be run",
		Long: `plan reads an experiment's file and shows every trial in the order in which walm lab run makes them, how often a guest
boots, and how long it takes. Nothing is run, and root is not needed. docs/experiments.md describes the file.`,
		Example: `  walm lab plan experiment.yaml
  walm lab plan experiment.yaml --results experiment.jsonl
  walm lab plan experiment.yaml -o json`,
		Args: one("an experiment's file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			p, err := newPlanned(args[0], file)
			if err != nil {
				return err
			}
			if output == "json" {
				return p.json(cmd.OutOrStdout())
			}
			return p.text(cmd.OutOrStdout())
		},
	}
	parsed(cmd.Flags(), &output, "output,o", "FORMAT", "text", "text or json", oneOf("text", "json"))
	cmd.Flags().StringVar(&file, "results", "", "results that are there already, for what is left to run and how long that takes")
	return cmd
}

// planned is an experiment with its plan.
type planned struct {
	*experiment.Experiment
	plan  []experiment.Trial
	print string
	boots []bool // trial by trial
	total int    // of boots
	left  []experiment.Trial
	done  []results.Trial // that have ended already
}

// newPlanned plans the experiment in a file; there may be none of its results.
func newPlanned(file, done string) (*planned, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read the experiment: %w", err)
	}
	var p planned
	if p.Experiment, err = experiment.Parse(file, text); err != nil {
		return nil, err
	}
	if p.plan, err = p.Plan(); err != nil {
		return nil, err
	}
	if p.print, err = experiment.Fingerprint(p.plan); err != nil {
		return nil, err
	}
	if err := p.ended(done); err != nil {
		return nil, err
	}
	ended := map[int]bool{}
	for _, t := range p.done {
		ended[t.N] = true
	}
	for _, t := range p.plan {
		boots := false
		if !ended[t.N] {
			boots = len(p.left) == 0 || p.left[len(p.left)-1].Setup.Boot(t.Setup)
			p.left = append(p.left, t)
		}
		if p.boots = append(p.boots, boots); boots {
			p.total++
		}
	}
	return &p, nil
}

// ended reads what is there already.
func (p *planned) ended(file string) error {
	if file == "" {
		return nil
	}
	set, err := results.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("--results: %w", err)
	}
	if err != nil {
		return err
	}
	if set.Header.Plan != p.print {
		return fmt.Errorf("--results: %s holds results of another plan (%s, seed %d)", file, set.Header.Name, set.Header.Seed)
	}
	p.done = set.Trials
	return nil
}

// What a trial takes beside its migration, and what a boot adds: means of some 340 trials of the studies, and 18 with a boot,
// on two cores under TCG. Half of the former took 2.8 to 6.5 s beside it.
const (
	beside = 5 * time.Second
	boot   = 9 * time.Second
)

// time is how long the rest takes at least and at most: every migration ends once the working set was sent, or none
// before its limit.
func (p *planned) time() (least, most time.Duration) {
	for _, t := range p.left {
		s := t.Setup
		once := time.Duration(0)
		if s.Link > 0 {
			once = s.Workload.Arena().Over(s.Link)
		}
		least += beside + min(once, s.Limit)
		most += beside + s.Limit
	}
	boots := time.Duration(p.total) * boot
	return least + boots, most + boots
}

func (p *planned) text(to io.Writer) error {
	cells := len(p.plan) / p.Repetitions
	fmt.Fprintf(to, "%s: %s\n", p.Name, p.Question)
	fmt.Fprintf(to, "%d cells × %d repetitions = %d trials; scale %g, seed %d\n", cells, p.Repetitions, len(p.plan), p.Scale, p.Seed)
	if len(p.done) > 0 {
		fmt.Fprintf(to, "%d have ended, and %d are left\n", len(p.plan)-len(p.left), len(p.left))
	}
	least, most := p.time()
	switch {
	case len(p.left) == 0:
	case len(p.done) > 0:
		fmt.Fprintf(to, "boots: %d; time: about %s, by the trials that have ended\n", p.total, report.Duration(trial.Left(p.left, p.done)))
	default:
		fmt.Fprintf(to, "boots: %d; time: from %s, if each working set is sent once, to %s, if no migration ends before its limit\n",
			p.total, report.Duration(least), report.Duration(most))
	}
	for _, w := range p.Warnings {
		fmt.Fprintln(to, "!", w)
	}
	fmt.Fprintln(to)
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "TRIAL\tBLOCK\tBOOT\tCELL\tMETHOD\tMEMORY\tLINK\tWORKLOAD")
	for i, t := range p.plan {
		s, boots, method, link := t.Setup, "", string(t.Setup.Method), "unshaped"
		if p.boots[i] {
			boots = "boot"
		}
		switch s.Choice {
		case experiment.Fixed:
		case experiment.Peer:
			method = s.Peer
		default:
			method = string(s.Choice)
		}
		if s.Link > 0 {
			link = s.Link.String()
		}
		fmt.Fprintf(w, "%d\t%d\t%s\t%s\t%s\t%v\t%s\t%s\n", t.N, t.Block, boots, t.Cell, method, s.Memory, link, s.Workload)
	}
	return w.Flush()
}

// The document of -o json. Setup is what a results file says of each trial.
type planDoc struct {
	Schema      string         `json:"schema"`
	Version     int            `json:"version"`
	Name        string         `json:"name"`
	Question    string         `json:"question"`
	Scale       float64        `json:"scale"`
	Seed        uint64         `json:"seed"`
	Repetitions int            `json:"repetitions"`
	Plan        string         `json:"plan_sha256"`
	Left        int            `json:"trials_left"`
	Boots       int            `json:"boots"`
	Least       float64        `json:"least_seconds"`
	Most        float64        `json:"most_seconds"`
	Warnings    []string       `json:"warnings"`
	Trials      []planTrialDoc `json:"trials"`
}

type planTrialDoc struct {
	N     int              `json:"trial"`
	Block int              `json:"block"`
	Boot  bool             `json:"boot"`
	Cell  string           `json:"cell"`
	Seed  uint64           `json:"seed"`
	Setup experiment.Setup `json:"setup"`
}

func (p *planned) json(to io.Writer) error {
	least, most := p.time()
	d := planDoc{Schema: "walm.plan", Version: 1, Name: p.Name, Question: p.Question, Scale: p.Scale, Seed: p.Seed,
		Repetitions: p.Repetitions, Plan: p.print, Left: len(p.left), Boots: p.total, Least: least.Seconds(), Most: most.Seconds(),
		Warnings: append([]string{}, p.Warnings...)}
	for i, t := range p.plan {
		d.Trials = append(d.Trials, planTrialDoc{t.N, t.Block, p.boots[i], t.Cell.String(), t.Seed, t.Setup})
	}
	e := json.NewEncoder(to)
	e.SetIndent("", "  ")
	return e.Encode(d)
}
