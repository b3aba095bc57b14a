package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"walm/decide"
	"walm/lab"
	"walm/lab/debian"
	"walm/lab/guest"
	"walm/measure"
	"walm/move"
	"walm/observe"
	"walm/predict"
	"walm/vm"
)

var suites = []struct {
	name  string
	suite debian.Suite
}{{"7.2", debian.Bookworm}, {"10.0", debian.Backports}}

// bench is a lab that is brought up when it is needed and anew after a move that cost it its guest.
type bench struct {
	spec lab.Spec
	lab  *lab.Lab
}

func (b *bench) up(ctx context.Context) (*lab.Lab, error) {
	var err error
	if b.lab == nil {
		b.lab, err = lab.Up(ctx, b.spec, func(s string) { fmt.Fprintln(os.Stderr, " ", s) })
	}
	return b.lab, err
}

func (b *bench) down() error {
	if b.lab == nil {
		return nil
	}
	err := b.lab.Down()
	b.lab = nil
	return err
}

// trial makes one move by a method that is given, whatever walm would advise: a forecast of "never" is to be checked
// too. A lab that cannot go on is taken down.
func (b *bench) trial(ctx context.Context, m vm.Method, endless time.Duration) (Trial, error) {
	l, err := b.up(ctx)
	if err != nil {
		return Trial{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, endless)
	defer cancel()
	before := load()
	rec, err := l.Move(ctx, move.Request{Host: predict.DefaultHost(),
		Policy: decide.Policy{Profile: decide.Balanced, Method: m}})
	if err != nil {
		return Trial{}, err
	}
	t := newTrial(rec)
	t.Workload, t.Load = b.spec.Workload.String(), before
	switch rec.Outcome.Result {
	case measure.Moved, measure.Stayed, measure.Cancelled:
	default:
		err = b.down()
	}
	return t, err
}

// soak moves one guest per version to and fro, by every method in turn.
func soak(ctx context.Context, dir string, n int) error {
	r, err := open(dir, "soak")
	if err != nil {
		return err
	}
	w, err := guest.ParseWorkload("random:wset=64MiB,rate=20000,fill=256B")
	if err != nil {
		return err
	}
	for _, s := range suites {
		b := &bench{spec: lab.Spec{Workload: w, Memory: 256 * vm.MiB, QEMU: s.suite,
			Windows: observe.Windows(400 * time.Millisecond)}}
		for rep := range n {
			for _, m := range vm.Methods() {
				key := fmt.Sprintf("%s/%s/%d", s.name, m, rep)
				if _, ok := r.done[key]; ok {
					continue
				}
				t, err := b.trial(ctx, m, endless)
				if err != nil {
					return errors.Join(fmt.Errorf("%s: %w", key, err), b.down())
				}
				t.Key, t.Rep = key, rep
				if err := r.add(t); err != nil {
					return errors.Join(err, b.down())
				}
				fmt.Fprintf(os.Stderr, "%-28s %s TMT %.2f s DT %.3f s, %d pages, %d written, %d bad\n", key, t.Result,
					t.TMT.Seconds(), t.DT.Seconds(), t.Pages, t.Written, t.Bad)
			}
		}
		if err := b.down(); err != nil {
			return err
		}
	}
	return nil
}

// workloads of the forecast experiment: one that converges well, one at its edge, one that does not.
var workloads = []string{
	"cyclic:wset=192MiB,rate=10000",
	"random:wset=256MiB,rate=15000",
	"random:wset=128MiB,rate=40000",
}

// endless is when a move that does not end is given up, the look before it included; it then counts as censored.
const endless = 90 * time.Second

func forecast(ctx context.Context, dir string, n int) error {
	r, err := open(dir, "forecast")
	if err != nil {
		return err
	}
	for rep := range n { // blocks: what drifts on the machine hits every cell alike
		for _, text := range workloads {
			w, err := guest.ParseWorkload(text)
			if err != nil {
				return err
			}
			b := &bench{spec: lab.Spec{Workload: w, Memory: 512 * vm.MiB}}
			for _, m := range vm.Methods() {
				key := fmt.Sprintf("%s/%s/%d", w, m, rep)
				if _, ok := r.done[key]; ok {
					continue
				}
				t, err := b.trial(ctx, m, endless)
				if err != nil {
					return errors.Join(fmt.Errorf("%s: %w", key, err), b.down())
				}
				t.Key, t.Rep = key, rep
				if err := r.add(t); err != nil {
					return errors.Join(err, b.down())
				}
				fmt.Fprintf(os.Stderr, "%-56s %s TMT %.2f s (%.2f) DT %.3f s (%.3f) loss %.2f s (%.2f)\n", key, t.Result,
					t.TMT.Seconds(), t.Forecast["tmt"].Mid, t.DT.Seconds(), t.Forecast["dt"].Mid,
					t.Loss.Seconds(), t.Forecast["loss"].Mid)
			}
			if err := b.down(); err != nil {
				return err
			}
		}
	}
	return nil
}
