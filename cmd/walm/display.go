package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"walm/cmd/walm/internal/progress"
	"walm/migrate"
	"walm/move"
	"walm/report"
	"walm/vm"
)

// display is how a command talks: data on stdout, everything else on stderr.
type display struct {
	output   string
	progress string
	html     string
	out, err io.Writer
	bar      *progress.Display
}

func (d *display) flags(fs *pflag.FlagSet) {
	parsed(fs, &d.output, "output,o", "FORMAT", "text", "text or json, on standard output", oneOf("text", "json"))
	parsed(fs, &d.progress, "progress", "FORM", "auto", "bar, plain, json or none, on standard error", oneOf("auto", "bar", "plain", "json", "none"))
}

func oneOf(names ...string) func(string) (string, error) {
	return func(s string) (string, error) {
		for _, n := range names {
			if s == n {
				return s, nil
			}
		}
		return "", fmt.Errorf("%q is none of %v", s, names)
	}
}

// begin takes the command's streams.
func (d *display) begin(cmd *cobra.Command) {
	d.out, d.err = cmd.OutOrStdout(), cmd.ErrOrStderr()
	d.bar = progress.New(d.err, progress.Mode(d.progress))
}

func (d *display) step(what string) { d.bar.Step(time.Now(), what) }

// style is colour on a terminal that wants it.
func (d *display) style() report.Style {
	f, ok := d.out.(*os.File)
	return report.Style{Color: ok && progress.Colorful(f, os.Environ())}
}

// watch shows a migration as it goes.
func (d *display) watch(rec *move.Record) func(migrate.Update) {
	began := time.Now()
	var last vm.Progress
	return func(u migrate.Update) {
		if seen, ok := u.Event.(migrate.Seen); ok && seen.Progress != nil {
			last = *seen.Progress
		}
		d.bar.Update(u.At, progress.Status{Phase: string(u.State), Method: rec.Plan.Method, Progress: last,
			Forecast: rec.Plan.Forecast.TMT, Started: began})
	}
}

// advice prints what was seen, forecast and chosen.
func (d *display) advice(rec move.Record) error {
	d.bar.Done()
	if d.output == "json" {
		return report.AdviceJSON(d.out, rec)
	}
	return d.forecasts(rec)
}

func (d *display) forecasts(rec move.Record) error {
	d.bar.Done()
	if d.output == "json" {
		return nil
	}
	if err := report.Trace(d.out, rec.Trace, d.style()); err != nil {
		return err
	}
	fmt.Fprintln(d.out)
	err := report.Forecasts(d.out, rec, d.style())
	fmt.Fprintln(d.out)
	return err
}

// outcome prints what a move did cost, and writes the page if one is wanted.
func (d *display) outcome(rec move.Record) error {
	d.bar.Done()
	var err error
	if d.output == "json" {
		err = report.JSON(d.out, rec)
	} else {
		err = report.Outcome(d.out, rec, d.style())
	}
	if err != nil || d.html == "" {
		return err
	}
	return d.page(rec)
}

func (d *display) page(rec move.Record) error {
	f, err := os.Create(d.html)
	if err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	if err := report.HTML(f, rec); err != nil {
		f.Close()
		return fmt.Errorf("write the report %s: %w", d.html, err)
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	if d.output != "json" {
		fmt.Fprintf(d.out, "\nreport: %s\n", d.html)
	}
	return nil
}
