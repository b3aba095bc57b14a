package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
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
	mu       sync.Mutex // held while bar is used: by who works, and by the clock
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
		return "", fmt.Errorf("%q is none of %s", s, strings.Join(names, ", "))
	}
}

// begin takes the command's streams.
func (d *display) begin(cmd *cobra.Command) {
	d.out, d.err = cmd.OutOrStdout(), cmd.ErrOrStderr()
	d.bar = progress.New(d.err, progress.Mode(d.progress))
}

// during does a command's work with its progress shown, and leaves the terminal tidy however it ends.
func (d *display) during(cmd *cobra.Command, work func(context.Context) error) error {
	d.begin(cmd)
	ticking := time.NewTicker(time.Second)
	over := make(chan struct{})
	var clock sync.WaitGroup
	clock.Go(func() {
		for {
			select {
			case now := <-ticking.C:
				d.locked(func() { d.bar.Tick(now) })
			case <-over:
				return
			}
		}
	})
	err := work(cmd.Context())
	ticking.Stop()
	close(over)
	clock.Wait()
	if err != nil {
		d.bar.Abort()
		return err
	}
	d.done()
	return nil
}

func (d *display) locked(f func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f()
}

func (d *display) step(what string) { d.locked(func() { d.bar.Step(time.Now(), what) }) }

// done ends the step under way, before anything else is printed.
func (d *display) done() {
	d.locked(func() {
		d.bar.Tick(time.Now())
		d.bar.Done()
	})
}

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
		note := u.Reason
		if u.Refused != "" {
			note = "not cancelled: " + u.Refused
		}
		d.locked(func() {
			d.bar.Update(u.At, progress.Status{Phase: string(u.State), Method: rec.Plan.Method, Progress: last,
				Forecast: rec.Plan.Forecast.TMT, Started: began, Note: note})
		})
	}
}

// advice prints what was seen, forecast and chosen.
func (d *display) advice(rec move.Record) error {
	d.done()
	if d.output == "json" {
		return report.AdviceJSON(d.out, rec)
	}
	return d.forecasts(rec)
}

func (d *display) forecasts(rec move.Record) error {
	d.done()
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
	d.done()
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
