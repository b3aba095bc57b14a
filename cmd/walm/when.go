package main

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/pflag"

	"walm/move"
	"walm/observe"
)

// timing is when a user wants a VM to be moved.
type timing struct {
	when   string
	within time.Duration
}

func (t *timing) flags(fs *pflag.FlagSet) {
	parsed(fs, &t.when, "when", "TIME", "now",
		"now, or best: when the VM rests, where it rests and works in turn", oneOf("now", "best"))
	parsed(fs, &t.within, "within", "TIME", "", "with --when best: how long may be watched and waited (default 10m)", positive)
}

func (t *timing) check() error {
	switch {
	case t.when == "now" && t.within > 0:
		return errors.New("--within says how long --when best may take; it means nothing without that")
	case t.within == 0:
		t.within = 10 * time.Minute
	}
	return nil
}

// glance is the longest window of the looks that tell phases: they are to be short against those.
const glance = 800 * time.Millisecond

// moment says when the VM is to be moved, and waits until then if it is to be moved at all. It is empty for now.
func (t *timing) moment(ctx context.Context, v subject, r move.Request, wait bool) (string, error) {
	if t.when == "now" {
		return "", nil
	}
	quick, err := eye(ctx, v, r.Step)
	if err != nil {
		return "", err
	}
	if host, ok := quick.(*observe.Host); ok {
		host.Samples, host.Windows = observe.WatchSamples, observe.Windows(glance)
	}
	r.Quick = quick
	if !wait {
		m, err := move.When(ctx, r, t.within)
		return m.Why, err
	}
	m, err := move.Await(ctx, r, t.within, func(m move.Moment) { r.Step("waiting: " + m.Why) })
	return m.Why, err
}
