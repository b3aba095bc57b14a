package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"walm/lab"
	"walm/lab/guest"
	"walm/vm"
)

// watching compares the guest's throughput while walm looks at it, as walm watch does, with that while it does not, in
// alternation: what observing costs the VM. Value is operations per second; Method tells the two apart.
func watching(ctx context.Context, dir string, n int) error {
	r, err := open(dir, "watching")
	if err != nil {
		return err
	}
	w, err := guest.ParseWorkload("random:wset=128MiB") // flat out: nothing hides a slowdown
	if err != nil {
		return err
	}
	l, err := lab.Up(ctx, lab.Spec{Workload: w, Memory: 512 * vm.MiB}, func(s string) { fmt.Fprintln(os.Stderr, " ", s) })
	if err != nil {
		return err
	}
	for rep := range n {
		for _, watched := range []bool{rep%2 == 0, rep%2 == 1} {
			name := map[bool]string{true: "watched", false: "alone"}[watched]
			key := fmt.Sprintf("%s/%d", name, rep)
			if _, ok := r.done[key]; ok {
				continue
			}
			before := load()
			speed, cpu, err := l.Throughput(ctx, 10*time.Second, watched)
			if err == nil {
				err = r.add(Trial{Key: key, When: time.Now(), QEMU: l.State().QEMU, Method: vm.Method(name), Rep: rep,
					Workload: w.String(), Value: speed, Loss: cpu, Load: before})
			}
			if err != nil {
				return errors.Join(err, l.Down())
			}
			fmt.Fprintf(os.Stderr, "%-12s %.0f operations/s, walm used %.1f ms of CPU in 10 s\n", key, speed, cpu.Seconds()*1e3)
		}
	}
	return l.Down()
}

// steering compares walm's move with a bare QMP script that does the same migration, in alternation.
func steering(ctx context.Context, dir string, n int) error {
	r, err := open(dir, "steering")
	if err != nil {
		return err
	}
	w, err := guest.ParseWorkload("random:wset=96MiB,rate=3000")
	if err != nil {
		return err
	}
	b := &bench{spec: lab.Spec{Workload: w, Memory: 384 * vm.MiB}}
	for rep := range n {
		for _, m := range []vm.Method{vm.PreCopy, vm.PostCopy} {
			for _, bare := range []bool{rep%2 == 0, rep%2 == 1} {
				name := map[bool]string{true: "bare", false: "walm"}[bare]
				key := fmt.Sprintf("%s/%s/%d", m, name, rep)
				if _, ok := r.done[key]; ok {
					continue
				}
				var t Trial
				if bare {
					t, err = b.bare(ctx, m)
				} else {
					t, err = b.trial(ctx, m, endless)
				}
				if err != nil {
					return errors.Join(fmt.Errorf("%s: %w", key, err), b.down())
				}
				t.Key, t.Rep = key, rep
				if err := r.add(t); err != nil {
					return errors.Join(err, b.down())
				}
				fmt.Fprintf(os.Stderr, "%-24s %s TMT %.3f s DT %.3f s\n", key, t.Result, t.TMT.Seconds(), t.DT.Seconds())
			}
		}
	}
	return b.down()
}

// bare moves the guest as a script of a few lines would: set, listen, migrate, and wait for the events.
func (b *bench) bare(ctx context.Context, m vm.Method) (Trial, error) {
	l, err := b.up(ctx)
	if err != nil {
		return Trial{}, err
	}
	before := load()
	tmt, dt, err := l.Bare(ctx, m)
	return Trial{When: time.Now(), QEMU: l.State().QEMU, Method: m, Workload: b.spec.Workload.String(), Result: "bare",
		TMT: tmt, DT: dt, Load: before}, err
}
