package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"walm/lab/figures"
	"walm/lab/results"
)

// labReport is what lab report was asked for.
type labReport struct {
	output      string
	html, plots string
	metrics     []string
	compare     string
	spec        figures.Spec
	kind        string
	where       map[string]string
}

func newLabReport() *cobra.Command {
	var r labReport
	cmd := &cobra.Command{
		Use:   "report RESULTS",
		Short: "Show what an experiment found: tables, comparisons, plots, one page",
		Long: `report shows the results of walm lab run, also while they are still being made: a row for each cell with medians and
95 % bootstrap intervals, the doubts that they deserve, and where asked for, comparisons paired by block and corrected
by Holm's method, plots as SVG and PNG, and one page that needs nothing else. The same results give the same bytes.

Lines that are damaged are left out and named, and the exit code is 1 then; the report is made of what is whole.`,
		Example: `  walm lab report salfner-rate.jsonl
  walm lab report salfner-rate.jsonl --html report.html
  walm lab report salfner-rate.jsonl --compare method --metric tmt,dt
  walm lab report salfner-rate.jsonl --plots figures --metric tmt --over rate --by wset --where method=pre-copy
  walm lab report salfner-rate.jsonl -o csv
  walm lab report salfner-rate.jsonl -o bench | benchstat -col /method -`,
		Args: one("a results file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			set, err := results.ReadFile(args[0])
			if err != nil {
				return err
			}
			if err := r.run(cmd, set); err != nil {
				return err
			}
			for _, d := range set.Damaged {
				fmt.Fprintf(cmd.ErrOrStderr(), "walm: %s: %s\n", args[0], d)
			}
			if len(set.Damaged) > 0 {
				return coded{exitFailed, errors.New("")} // each is said already
			}
			return nil
		},
	}
	fs := cmd.Flags()
	parsed(fs, &r.output, "output,o", "FORMAT", "text", "text, csv (each trial), csv-summary, json or bench (of Go, for benchstat)",
		oneOf("text", "csv", "csv-summary", "json", "bench"))
	fs.StringVar(&r.html, "html", "", "write one page with everything to this file")
	fs.StringVar(&r.plots, "plots", "", "write plots as SVG and PNG into this folder")
	fs.StringSliceVar(&r.metrics, "metric", nil, "metrics of tables, comparisons and plots: "+strings.Join(metrics(), ", "))
	fs.StringVar(&r.spec.Over, "over", "", "plot over this factor")
	fs.StringVar(&r.spec.By, "by", "", "plot a line for each level of this factor")
	fs.StringToStringVar(&r.where, "where", nil, "plot at these levels alone, such as method=pre-copy,wset=30%")
	parsed(fs, &r.kind, "kind", "KIND", "", "of plot: lines, bars, surface, wireframe or timeline (default: lines)", kind)
	fs.StringVar(&r.compare, "compare", "", "compare the levels of this factor")
	return cmd
}

func metrics() []string {
	var names []string
	for _, m := range results.Metrics() {
		names = append(names, m.Name)
	}
	return names
}

func kind(s string) (string, error) {
	if !slices.Contains(figures.Kinds(), figures.Kind(s)) {
		return "", fmt.Errorf("%q is none of %v", s, figures.Kinds())
	}
	return s, nil
}

func (r *labReport) run(cmd *cobra.Command, set results.Set) error {
	if err := errors.Join(writable(r.html), r.check()); err != nil {
		return seeHelp(cmd, err)
	}
	specs, err := r.specs(set)
	if err != nil {
		return err
	}
	out, err := r.text(set)
	if err != nil {
		return err
	}
	if r.html != "" {
		page, err := figures.Page(set, specs...)
		if err != nil {
			return err
		}
		if err := os.WriteFile(r.html, page, 0o666); err != nil {
			return fmt.Errorf("write the page: %w", err)
		}
	}
	if r.plots != "" {
		if err := writePlots(r.plots, set, specs, len(r.spec.Over) > 0); err != nil {
			return err
		}
	}
	_, err = cmd.OutOrStdout().Write(out)
	return err
}

// check says which flags do not go together, and which metrics there are not.
func (r *labReport) check() error {
	known := append(metrics(), "phases", "remaining")
	for _, m := range r.metrics {
		if !slices.Contains(known, m) {
			return fmt.Errorf("--metric: no metric %q: one of %s", m, strings.Join(known, ", "))
		}
	}
	if r.spec.Over == "" && (r.spec.By != "" || r.kind != "" || len(r.where) > 0) {
		return errors.New("--by, --where and --kind say what a plot shows, and want --over FACTOR")
	}
	if r.spec.Over != "" && r.plots == "" && r.html == "" {
		return errors.New("--over says what a plot shows, and wants --plots DIR or --html FILE")
	}
	return nil
}

// specs are the plots that were asked for; none where only --html or --plots is given, which then chooses.
func (r *labReport) specs(set results.Set) ([]figures.Spec, error) {
	if r.spec.Over == "" {
		return figures.Figures(set), nil
	}
	names := r.metrics
	if len(names) == 0 {
		names = []string{"tmt", "dt"}
	}
	var specs []figures.Spec
	for _, m := range names {
		s := r.spec
		s.Metric, s.Where, s.Kind = m, r.where, figures.Kind(r.kind)
		if _, _, err := figures.Plot(set, s); err != nil {
			return nil, err
		}
		specs = append(specs, s)
	}
	return specs, nil
}

func (r *labReport) text(set results.Set) ([]byte, error) {
	names := r.metrics
	if len(names) == 0 {
		names = figures.Usual()
	}
	switch r.output {
	case "csv":
		return figures.CSV(set)
	case "csv-summary":
		return figures.Summary(set, r.metrics...).CSV()
	case "json":
		return figures.JSON(set)
	case "bench":
		return figures.Bench(set), nil
	}
	if r.compare == "" {
		return figures.Summary(set, names...).Text(), nil
	}
	all, err := figures.Compare(set, r.compare, names)
	if err != nil {
		return nil, err
	}
	return figures.CompareText(all), nil
}

// writePlots writes each figure twice, named by what it shows. What was chosen unasked may have nothing to show.
func writePlots(dir string, set results.Set, specs []figures.Spec, asked bool) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return fmt.Errorf("write plots: %w", err)
	}
	for _, s := range specs {
		svg, png, err := figures.Plot(set, s)
		if err != nil && asked {
			return err
		}
		if err != nil {
			continue
		}
		base := filepath.Join(dir, s.Name())
		if err := errors.Join(os.WriteFile(base+".svg", svg, 0o666), os.WriteFile(base+".png", png, 0o666)); err != nil {
			return fmt.Errorf("write plots: %w", err)
		}
	}
	return nil
}
