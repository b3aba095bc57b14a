package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/charmbracelet/x/term"
	"github.com/spf13/cobra"

	"walm/observe"
	"walm/report"
	"walm/vm"
)

type watching struct {
	display
	at    connection
	every time.Duration
	count int
	reads bool
}

func newWatch() *cobra.Command {
	var w watching
	cmd := &cobra.Command{
		Use:   "watch VM",
		Short: "Show what a VM is doing, refreshed",
		Long: `watch looks at a VM again and again and shows its class, its dirty curve, CPU, network, how much of its memory is
present, zero, swapped out, duplicate and compressible, whether it writes as it did before, what looking costs, and
after some minutes the phases of a VM that rests and works in turn. It changes nothing and asks QEMU nothing but where
the memory is. At the default pace it costs at most 1 % of a core. On a terminal the view is redrawn until Ctrl-C;
elsewhere, and with -o json, each look is printed.`,
		Example: `  walm watch -c qemu:///system vm1
  walm watch qmp+unix:///run/a.qmp
  walm watch qmp+unix:///run/a.qmp --reads
  walm watch qmp+unix:///run/a.qmp --count 1 -o json`,
		Args: oneVM,
		RunE: func(cmd *cobra.Command, args []string) error {
			return w.during(cmd, func(ctx context.Context) error { return w.run(ctx, args[0]) })
		},
	}
	w.at.flags(cmd.Flags())
	parsed(cmd.Flags(), &w.every, "every", "TIME", "", "from one look to the next (default: what costs 1 % of a core)", positive)
	parsed(cmd.Flags(), &w.count, "count", "N", "", "looks before it ends (default: until Ctrl-C)", looks)
	cmd.Flags().BoolVar(&w.reads, "reads", false,
		"also find out what the VM reads, where the host can tell; up to 0.1 s a look\nin which the VM gets no new memory")
	w.flags(cmd.Flags())
	return cmd
}

func looks(s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 {
		return 0, fmt.Errorf("%q is not a whole number from 1", s)
	}
	return n, nil
}

func (w *watching) run(ctx context.Context, uri string) error {
	v, err := w.at.open(ctx, uri)
	if err != nil {
		return err
	}
	defer v.Close()
	view, err := eye(ctx, v, w.step)
	if err != nil {
		return err
	}
	if host, ok := view.(*observe.Host); ok {
		host.Samples, host.Touch = observe.WatchSamples, w.reads
	} else if w.reads {
		w.step("what it reads cannot be told by page sampling")
	}
	w.step("looking at " + v.name)
	tracker := observe.Tracker{Source: view, Least: w.every, Keep: remembered}
	watching, enough := context.WithCancel(ctx)
	defer enough()
	var shown error
	seen := 0
	err = tracker.Run(watching, func(vm.Trace) {
		w.done()
		seen++
		if shown = w.show(v.name, &tracker); shown != nil || seen == w.count {
			enough()
		}
	})
	if watching.Err() != nil {
		err = nil // Ctrl-C is how a watch ends
	}
	return errors.Join(err, shown)
}

// remembered is how many looks phases are told from: a quarter of an hour at the usual pace.
const remembered = 128

func (w *watching) show(name string, tracker *observe.Tracker) error {
	h := tracker.History()
	latest := h[len(h)-1]
	if w.output == "json" {
		return report.TraceJSON(w.out, latest)
	}
	if f, ok := w.out.(*os.File); ok && term.IsTerminal(f.Fd()) && w.count != 1 {
		fmt.Fprint(w.out, "\x1b[H\x1b[2J") // home, and clear what was shown
	}
	fmt.Fprintf(w.out, "%s at %s\n", name, latest.Taken.Format(time.TimeOnly))
	if err := report.Trace(w.out, latest, w.style()); err != nil {
		return err
	}
	_, why := observe.Stationary(h)
	cost, share := tracker.Cost()
	_, err := fmt.Fprintf(w.out, "%s\n%s\nthis look cost %s of CPU time here: %.1f %% of a core at this pace\n\n",
		why, phases(h, time.Now()), report.Duration(cost), 100*share)
	return err
}

// phases says whether a VM rests and works in turn, which phase it is in, and when the next quiet one begins.
func phases(h observe.History, now time.Time) string {
	r, why := observe.Rhythms(h)
	if why != "" {
		return "no phases known: " + why
	}
	at, err, lasts := r.Next(now)
	s := fmt.Sprintf("it works at %v for %s and rests at %v for %s: ", r.Busy.Rate, report.Duration(r.Busy.Mean), r.Quiet.Rate,
		report.Duration(r.Quiet.Mean))
	if !r.Working {
		return s + "quiet now, for about " + report.Duration(lasts) + " more"
	}
	return s + fmt.Sprintf("busy now, quiet at about %s ± %s", at.Format(time.TimeOnly), report.Duration(err))
}
