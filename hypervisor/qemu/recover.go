package qemu

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"walm/hypervisor/qmp"
	"walm/internal/link"
	"walm/vm"
)

// reach is how long the source may try to reach the destination again. A link that is still down does not refuse, it is
// silent, and TCP asks it for two minutes.
const reach = 8 * time.Second

// connecting is how long TCP asks a host that is silent, by Linux's default of six SYNs.
const connecting = 130 * time.Second

// recover takes up an interrupted post-copy: the destination listens again, on Listen, the source connects and sends on.
// Out of band at the destination, whose main loop can hang on the very page that does not come.
func (p *Pair) recover(ctx context.Context) error {
	p.mu.Lock()
	p.postcopy = true
	p.mu.Unlock()
	if err := p.passable(ctx); err != nil {
		return err
	}
	if err := p.Interrupt(ctx); err != nil {
		return err
	}
	addr, err := p.listenAgain(ctx)
	if err != nil {
		return err
	}
	p.connects = time.Now().Add(connecting)
	if err := p.Source.conn.Do(ctx, "migrate", map[string]any{"uri": "tcp:" + addr, "resume": true}, nil); err != nil {
		p.connects = time.Time{}
		return fmt.Errorf("have the source connect to %s: %w", addr, err)
	}
	ctx, cancel := context.WithTimeout(ctx, reach)
	defer cancel()
	for _, end := range p.ends() {
		err := end.wait(ctx, func(m migration) bool { return m.Status != vm.StatusPostcopyPaused })
		if end.side == vm.Destination && errors.Is(err, qmp.ErrUnanswered) {
			err = nil // the source has reached it; it answers once it has the page that it waits for
		}
		if err != nil {
			return fmt.Errorf("the destination was not reached at %s within %s: mend the link between the hosts, and try again: %w",
				addr, reach, err)
		}
	}
	p.connects = time.Time{}
	return nil
}

// passable refuses while nothing would come of it but harm. QEMU 7.2 takes every "migrate" with resume while it still
// connects because of an earlier one; by its source, not by trial, a second connection that then succeeds begins a migration from nothing.
func (p *Pair) passable(ctx context.Context) error {
	if left := time.Until(p.connects); left > 0 {
		return fmt.Errorf("the source may still be connecting because of the last try: try again in %s", left.Round(time.Second))
	}
	host, _, err := net.SplitHostPort(p.Listen)
	if err != nil {
		return fmt.Errorf("listen on %q: %w", p.Listen, err)
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	out, in, err := p.path().Connect(ctx, net.JoinHostPort(host, "0"))
	switch {
	case errors.Is(err, link.ErrElsewhere): // then what the user says must do
		return nil
	case err != nil:
		return fmt.Errorf("the link between the hosts is down: %w", err)
	}
	return errors.Join(out.Close(), in.Close())
}

// ports is how many are tried from that of Listen on: a destination that was connected there can hold it.
const ports = 8

// listenAgain has the destination listen for a recovery, and tells where.
func (p *Pair) listenAgain(ctx context.Context) (string, error) {
	host, text, err := net.SplitHostPort(p.Listen)
	if err != nil {
		return "", fmt.Errorf("listen on %q: %w", p.Listen, err)
	}
	first, err := strconv.Atoi(text)
	if err != nil {
		return "", fmt.Errorf("listen on %q: %w", p.Listen, err)
	}
	for port := first; ; port++ {
		addr := net.JoinHostPort(host, strconv.Itoa(port))
		err = p.Destination.conn.DoOOB(ctx, "migrate-recover", map[string]any{"uri": "tcp:" + addr}, nil)
		switch {
		case err == nil || triggered(err):
			return addr, nil
		case !taken(err) || port-first+1 == ports:
			return "", fmt.Errorf("have the destination listen on %s (name another port with --listen): %w", addr, err)
		}
	}
}

func taken(err error) bool {
	var e *qmp.Error
	return errors.As(err, &e) && strings.Contains(e.Desc, "in use")
}

// triggered says that the destination listens for a recovery already: an earlier one came no further.
func triggered(err error) bool {
	var e *qmp.Error
	return errors.As(err, &e) && e.Desc == "Migrate recovery is triggered already"
}

// Interrupt has both ends take the stream of a post-copy for broken, as each does by itself once it notices. One of them
// can know while the other waits for a quarter of an hour.
func (p *Pair) Interrupt(ctx context.Context) error {
	for _, end := range p.ends() {
		m, err := end.brief(ctx)
		hangs := end.side == vm.Destination && errors.Is(err, qmp.ErrUnanswered) && ctx.Err() == nil
		switch {
		case err != nil && !hangs:
			return fmt.Errorf("ask the %s for its migration: %w", end.side, err)
		case !hangs && m.Status != vm.StatusPostcopyActive:
			continue
		}
		silent := err
		err = end.conn.DoOOB(ctx, "migrate-pause", nil, nil)
		if refused := (*qmp.Error)(nil); hangs && (err == nil || errors.As(err, &refused)) {
			continue // what it does now it does not say; refused it has noticed by itself
		}
		if hangs && errors.Is(err, errors.ErrUnsupported) { // it was never reached
			return fmt.Errorf("ask the %s for its migration: %w", end.side, silent)
		}
		if err != nil {
			return fmt.Errorf("interrupt the stream at the %s: %w", end.side, err)
		}
		if err := end.wait(ctx, func(m migration) bool { return m.Status != vm.StatusPostcopyActive }); err != nil {
			return fmt.Errorf("interrupt the stream at the %s: %w", end.side, err)
		}
	}
	return nil
}

// brief is migration of an end that may hang: one that is well answers within milliseconds.
func (v *VM) brief(ctx context.Context) (migration, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	return v.migration(ctx)
}
