package qemu

import (
	"context"
	"fmt"
)

// Courier carries the state of an offline move between two hosts neither of which is this one, where walm's pipes do not reach.
// QEMU writes and reads the files itself.
type Courier struct {
	Saved, Copied string // the state's file on the source's host, and on the destination's
	Copy          func(context.Context) error
	Remove        func(context.Context) error // both files
}

// apart says whether an end is another host's.
func (p *Pair) apart() bool { return p.Source.clock.forwarded || p.Destination.clock.forwarded }

// unableApart says why the state cannot go from host to host; empty where it can.
func (p *Pair) unableApart() string {
	if p.Courier == nil {
		return "the state goes through pipes that walm hands to QEMU, and these do not reach another host"
	}
	for _, end := range p.ends() {
		if !end.Has(writesFiles) {
			return fmt.Sprintf("the %s's QEMU %s does not migrate into files on its own (9.0 and later do)", end.side, end.Version)
		}
	}
	return ""
}

// writesFiles is a capability that came after migration into files (8.2), which cannot be asked for itself.
const writesFiles = "mapped-ram"

func (p *Pair) prepareApart() {
	ctx, cancel := context.WithCancel(p.ctx)
	p.mu.Lock()
	p.offline = &offline{saved: p.Courier.Saved, copied: p.Courier.Copied, apart: true, ctx: ctx, cancel: cancel}
	p.mu.Unlock()
	p.undo.Later(func(ctx context.Context) error {
		cancel()
		return p.Courier.Remove(ctx)
	})
}

func (p *Pair) saveApart(ctx context.Context, o *offline) (func() error, error) {
	err := p.Source.conn.Do(ctx, "migrate", map[string]string{"uri": "file:" + o.saved}, nil)
	return func() error { return p.Source.settled(o.ctx) }, err
}

func (p *Pair) restoreApart(ctx context.Context, o *offline) (func() error, error) {
	err := p.Destination.incoming(ctx, "file:"+o.copied)
	return func() error { return p.Destination.settled(o.ctx) }, err
}
