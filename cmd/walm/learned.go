package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"time"

	"walm/lab/results"
	"walm/learn"
	"walm/move"
	"walm/predict"
)

// hostPair names the hosts of a migration: this one, and the one whose address the destination listens on.
func hostPair(listen string) learn.Pair {
	here, err := os.Hostname()
	if err != nil {
		here = "this host"
	}
	p := learn.Pair{Source: here, Destination: here}
	host, _, err := net.SplitHostPort(listen)
	if ip := net.ParseIP(host); err == nil && (ip == nil || !ip.IsLoopback()) {
		p.Destination = host
	}
	return p
}

// constants are those of a pair of hosts: its own, where enough has been moved between the two, or the defaults. A store
// that cannot be read is a warning: no migration waits for it.
func constants(ctx context.Context, dir string, p learn.Pair, warn io.Writer) predict.Host {
	if _, err := os.Stat(learn.File(dir)); errors.Is(err, fs.ErrNotExist) {
		return predict.DefaultHost()
	}
	all, err := outcomesOf(ctx, dir, p, warn)
	if err != nil {
		fmt.Fprintf(warn, "walm: the hosts' constants are the defaults: %v\n", err)
		return predict.DefaultHost()
	}
	return fitted(p, all)
}

// fitted are a pair's constants by its outcomes; the defaults where there are too few.
func fitted(p learn.Pair, all []learn.Outcome) predict.Host {
	host, told := learn.Fit(all, predict.DefaultHost())
	n := 0
	for _, c := range told {
		n += c.Estimate.N
	}
	if n < learn.Fewest {
		return predict.DefaultHost()
	}
	host.Source = fmt.Sprintf("fitted to %d moves from %s to %s", n, p.Source, p.Destination)
	return host
}

func outcomesOf(ctx context.Context, dir string, p learn.Pair, warn io.Writer) ([]learn.Outcome, error) {
	s, err := openStore(ctx, dir, warn)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	return s.Of(ctx, p)
}

func openStore(ctx context.Context, dir string, warn io.Writer) (*learn.Store, error) {
	s, err := learn.Open(ctx, dir, time.Now())
	if err == nil && s.Aside != "" {
		fmt.Fprintf(warn, "walm: the store of outcomes was damaged: it is set aside as %s, and a new one begun\n", s.Aside)
	}
	return s, err
}

// keep stores what came of a move beside its forecast. A failure is a warning: the VM has moved.
func keep(ctx context.Context, dir string, rec move.Record, p learn.Pair, warn io.Writer) {
	if rec.Outcome.Result == "" {
		return
	}
	ctx = context.WithoutCancel(ctx)
	s, err := openStore(ctx, dir, warn)
	if err == nil {
		err = errors.Join(s.Add(ctx, learn.Of(rec, p)), s.Close())
	}
	if err != nil {
		fmt.Fprintf(warn, "walm: the outcome is not kept for later forecasts: %v\n", err)
	}
}

// sources is where accuracy and calibrate find outcomes.
type sources struct {
	stateDir string
	files    []string // of lab results; none: the store
}

// outcomes are those of the lab's results files, or else of the store.
func (s sources) outcomes(ctx context.Context, warn io.Writer) ([]learn.Outcome, error) {
	if len(s.files) == 0 {
		dir, err := stateDir(s.stateDir)
		if err != nil {
			return nil, err
		}
		if _, err := os.Stat(learn.File(dir)); errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("no outcomes in %s yet: move a VM with walm migrate, or name results of the lab with --from", dir)
		}
		store, err := openStore(ctx, dir, warn)
		if err != nil {
			return nil, err
		}
		defer store.Close()
		return store.All(ctx)
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
		return nil, fmt.Errorf("%v: no trial has its forecast: run the experiment with forecasts: true", s.files)
	}
	return all, nil
}

// ofTrial is what a trial of the lab's tells; nothing where it was not forecast. The lab's two hosts are one pair,
// whichever way the guest went.
func ofTrial(file string, t results.Trial) (learn.Outcome, bool) {
	if t.Trace == nil || t.Status != results.Done {
		return learn.Outcome{}, false
	}
	for _, f := range t.Forecast {
		if f.Method == t.Method {
			o := learn.Outcome{ID: fmt.Sprintf("%s#%d", file, t.N), At: t.Started, VM: t.Setup.Workload.String(),
				Pair: learn.Pair{Source: "lab", Destination: "lab"}, Method: t.Method, Params: t.Params, Trace: *t.Trace, Link: t.Path, Forecast: f}
			return o.With(t.Outcome), true
		}
	}
	return learn.Outcome{}, false
}
