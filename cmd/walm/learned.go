package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"walm/learn"
	"walm/move"
	"walm/predict"
)

// hostPair names the hosts of a migration: the VM's, and the one at the given address, HOST:PORT or HOST. What runs there is
// not known yet.
func hostPair(v subject, to string) learn.Pair {
	here, err := os.Hostname()
	if err != nil {
		here = "this host"
	}
	p := learn.Pair{Source: cmp.Or(v.host, here), Destination: to, Accelerator: v.accelerator}.Between(v.runs, "")
	if host, _, err := net.SplitHostPort(to); err == nil {
		p.Destination = host
	}
	if ip := net.ParseIP(p.Destination); ip != nil && ip.IsLoopback() || p.Destination == "localhost" {
		p.Destination = here
	}
	return p
}

// constants are those of a pair of hosts: its own, where enough has been moved between the two, or the defaults. A store
// that cannot be read is a warning: no migration waits for it.
func constants(ctx context.Context, dir string, p learn.Pair, defaults predict.Host, warn io.Writer) predict.Host {
	all, err := lastOutcomes(ctx, dir, p)
	if err != nil && !errors.Is(err, learn.ErrNone) {
		fmt.Fprintf(warn, "walm: the hosts' constants are the defaults: %v\n", err)
	}
	host, _ := fit(p, all, defaults)
	return host
}

func lastOutcomes(ctx context.Context, dir string, p learn.Pair) ([]learn.Outcome, error) {
	s, err := learn.Read(ctx, dir)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	return s.Last(ctx, p)
}

// fit fits a pair's constants, and says in Source by how many moves which of them are its own.
func fit(p learn.Pair, all []learn.Outcome, defaults predict.Host) (predict.Host, []learn.Constant) {
	host, told := learn.Fit(all, defaults)
	n, own := 0, ""
	for _, c := range told {
		if c.Value != c.Default {
			n, own = max(n, c.Estimate.N), own+", "+c.Name
		}
	}
	if own != "" {
		host.Source = fmt.Sprintf("default but for %s: fitted to up to %d moves %s", own[2:], n, p)
	}
	return host, told
}

// keep stores what came of a move beside its forecast. A failure is a warning: the VM has moved.
func keep(ctx context.Context, dir string, rec move.Record, p learn.Pair, warn io.Writer) {
	if rec.Outcome.Result == "" {
		return
	}
	ctx = context.WithoutCancel(ctx)
	s, err := learn.Open(ctx, dir, time.Now())
	if err == nil {
		if s.Aside != "" {
			fmt.Fprintf(warn, "walm: %v; it is set aside as %s, and a new store is begun\n", s.Damage, s.Aside)
		}
		err = errors.Join(s.Add(ctx, learn.Of(rec, p)), s.Close())
	}
	if err != nil {
		fmt.Fprintf(warn, "walm: the outcome is not kept for later forecasts: %v\n", err)
	}
}

// stateName is walm's state folder, which need not be there: who only reads makes none.
func stateName(given string) string { return cmp.Or(given, os.Getenv("WALM_STATE"), "/var/lib/walm") }
