package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"walm/lab/experiment"
	"walm/lab/results"
	"walm/learn"
	"walm/predict"
)

// sources is where accuracy, calibrate and outcomes find what was forecast and measured.
type sources struct {
	stateDir string
	files    []string // of lab results; none: the store
	output   string
}

func (s *sources) flags(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.StringSliceVar(&s.files, "from", nil, "results of walm lab run in place of what walm migrate has kept")
	fs.StringVar(&s.stateDir, "state-dir", "", "walm's state folder (default: $WALM_STATE or /var/lib/walm)")
	parsed(fs, &s.output, "output,o", "FORMAT", "text", "text or json", oneOf("text", "json"))
}

// outcomes are those of the lab's results files, or else of the store.
func (s *sources) outcomes(ctx context.Context, warn io.Writer) ([]learn.Outcome, error) {
	if len(s.files) == 0 {
		return s.kept(ctx)
	}
	var all []learn.Outcome
	for _, name := range s.files {
		set, err := results.ReadFile(name)
		if err != nil {
			return nil, err
		}
		for _, d := range set.Damaged {
			fmt.Fprintf(warn, "walm: %s: %s\n", name, d)
		}
		for _, t := range set.Trials {
			if o, ok := ofTrial(name, t); ok {
				all = append(all, o)
			}
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("no trial in %s has its forecast: run the experiment with forecasts: true", strings.Join(s.files, ", "))
	}
	return all, nil
}

func (s *sources) kept(ctx context.Context) ([]learn.Outcome, error) {
	dir := stateName(s.stateDir)
	store, err := learn.Read(ctx, dir)
	switch {
	case errors.Is(err, learn.ErrNone):
		return nil, fmt.Errorf("no outcomes in %s yet: move a VM with walm migrate, or name results of the lab with --from", dir)
	case errors.Is(err, learn.ErrBroken):
		return nil, fmt.Errorf("%w; the next walm migrate sets it aside and begins a new one", err)
	case err != nil:
		return nil, err
	}
	defer store.Close()
	return store.All(ctx)
}

// ofTrial is what a trial of the lab's tells; nothing where it was not forecast, or failed. The lab's two hosts are one pair,
// whichever way the guest went.
func ofTrial(file string, t results.Trial) (learn.Outcome, bool) {
	if t.Trace == nil || t.Status != results.Done && t.Status != results.Censored {
		return learn.Outcome{}, false
	}
	o := learn.Outcome{ID: fmt.Sprintf("%s#%d", file, t.N), At: t.Started, VM: t.Setup.Workload.String(),
		Pair:       learn.Pair{Source: "lab", Destination: "lab", Accelerator: t.Setup.Accelerator},
		SourceQEMU: string(t.Setup.QEMU), DestinationQEMU: string(t.Setup.Destination),
		Method: t.Method, Params: t.Params, Trace: *t.Trace, Link: t.Path, Forecast: forecastOf(t)}
	if o.Forecast.Method == "" {
		return learn.Outcome{}, false
	}
	if t.Status == results.Censored && t.Setup.StopRule == experiment.QEMURule { // others may have given it up before
		o.Limit = t.Setup.Limit
	}
	return o.With(t.Outcome), true
}

// forecastOf is a trial's forecast of what was then done: of several of the method, that with its parameters.
func forecastOf(t results.Trial) predict.Forecast {
	var found predict.Forecast
	for _, f := range t.Forecast {
		if f.Method == t.Method && (found.Method == "" || f.Params == t.Params) {
			found = f
		}
	}
	return found
}
