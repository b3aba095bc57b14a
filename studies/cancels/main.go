// Command cancels cancels moves whose memory is compressed, over one channel and over two in turn, at random instants, and counts the
// QEMUs that never end the migration: they run the VM, and can move it no more. Results are kept, and a run goes on where the last
// one stopped. It needs root.
//
//	go run ./studies/cancels run 100 bookworm-backports
//	go run ./studies/cancels tables
package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"syscall"
	"time"

	"walm/decide"
	"walm/lab"
	"walm/lab/debian"
	"walm/lab/guest"
	"walm/measure"
	"walm/migrate"
	"walm/studies/kept"
	"walm/vm"
)

const file = "studies/cancels/cancels.jsonl"

// Trial is one move that was cancelled.
type Trial struct {
	Suite    debian.Suite
	Channels int
	N        int
	QEMU     string        // its version
	Began    time.Time     `json:",omitzero"`
	After    time.Duration // from the begin of the move until it was cancelled
	Took     time.Duration // from then until walm knew where the VM is
	State    migrate.State `json:",omitempty"`
	Stuck    bool          `json:",omitempty"` // the source's QEMU had not ended the migration by then
	Left     string        `json:",omitempty"` // what walm said of that
	Whole    bool          // the guest's heart beats at the source, and every page is as it was written
	Err      string        `json:",omitempty"`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "cancels:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	usage := errors.New("usage: cancels run N bookworm|bookworm-backports | tables")
	all, err := kept.Load[Trial](file)
	switch {
	case err != nil:
		return err
	case slices.Equal(args, []string{"tables"}):
		fmt.Print(table(all))
		return nil
	case len(args) != 3 || args[0] != "run":
		return usage
	}
	n, err := strconv.Atoi(args[1])
	suite := debian.Suite(args[2])
	if err != nil || n < 1 || suite != debian.Bookworm && suite != debian.Backports {
		return usage
	}
	return moves(ctx, due(suite, n, all))
}

// due are the trials that are missing, both numbers of channels in turn.
func due(suite debian.Suite, n int, done []Trial) (left []Trial) {
	for i := range n {
		for channels := 1; channels <= 2; channels++ {
			had := func(t Trial) bool { return t.Suite == suite && t.Channels == channels && t.N == i }
			if !slices.ContainsFunc(done, had) {
				left = append(left, Trial{Suite: suite, Channels: channels, N: i})
			}
		}
	}
	return left
}

// moves carries trials out, with a new guest after each that was not well.
func moves(ctx context.Context, due []Trial) (err error) {
	w, err := guest.ParseWorkload("random:wset=32MiB,rate=500,fill=64B")
	if err != nil {
		return err
	}
	var l *lab.Lab
	down := func() (err error) {
		if l != nil {
			err, l = l.Down(), nil
		}
		return err
	}
	defer func() { err = errors.Join(err, down()) }()
	for _, t := range due {
		if l == nil {
			if l, err = lab.Up(ctx, lab.Spec{QEMU: t.Suite, Workload: w, Memory: 192 * vm.MiB}, func(string) {}); err != nil {
				return err
			}
		}
		t, err := cancelled(ctx, l, t)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			t.Err = err.Error()
		}
		fmt.Fprintf(os.Stderr, "QEMU %s, %d channels, %d: cancelled after %v, %s within %v, whole %v %s\n", t.QEMU, t.Channels, t.N,
			t.After.Round(time.Millisecond), t.State, t.Took.Round(time.Millisecond), t.Whole, t.Err)
		if err := kept.Add(file, t); err != nil {
			return err
		}
		if t.Stuck || t.Err != "" {
			if err := down(); err != nil {
				return err
			}
		}
	}
	return nil
}

// cancelled carries one out. The stream is capped, so that the migration thread mostly waits for its channels.
func cancelled(ctx context.Context, l *lab.Lab, t Trial) (Trial, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	p, err := l.Pair(ctx)
	if err != nil {
		return t, err
	}
	params := vm.DefaultParams(vm.PreCopy)
	params.Multifd, params.Compression, params.Bandwidth = t.Channels, vm.Zstd, 4e6
	dice := rand.New(rand.NewPCG(uint64(t.N), uint64(t.Channels)))
	t.QEMU, t.Began = p.Source.Version.String(), time.Now()
	t.After = 20*time.Millisecond + time.Duration(dice.Int64N(int64(time.Second)))
	move, interrupt := context.WithTimeout(ctx, t.After)
	defer interrupt()
	res, err := migrate.Run(move, p, migrate.New(decide.Plan{Method: vm.PreCopy, Params: params}, nil), migrate.Watch{})
	t.State, t.Took, t.Left = res.State, res.Ended.Sub(t.Began)-t.After, res.Left
	t.Stuck = res.Ends.Source.Status == vm.StatusCancelling || res.Left != ""
	if err != nil {
		return t, err
	}
	err = l.Whole(ctx, vm.Source)
	t.Whole = err == nil
	return t, errors.Join(err, l.Settle(measure.Cancelled))
}
