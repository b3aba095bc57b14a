package lab

import (
	"context"
	"errors"
	"time"

	"walm/hypervisor/qemu"
	"walm/hypervisor/qmp"
	"walm/measure"
	"walm/observe"
	"walm/vm"
)

// Bare moves the guest with nothing but the QMP commands that it takes, as a script would: the yardstick for what walm's
// own steering costs. The look, the probes and the checks are left out.
func (l *Lab) Bare(ctx context.Context, m vm.Method) (tmt, dt time.Duration, err error) {
	to, err := l.launch(ctx, l.current.host.Other(), true)
	if err != nil {
		return 0, 0, err
	}
	l.next = to
	// The client probes as it does in a move of walm's, so that the guest is as busy.
	l.witness = &witness{lab: l, from: l.current, to: to}
	if err := errors.Join(l.witness.start(ctx), pause(ctx, observe.LongestWindow)); err != nil {
		return 0, 0, err
	}
	src, err := l.rawQMP(ctx, l.current)
	if err != nil {
		return 0, 0, err
	}
	dst, err := l.rawQMP(ctx, to)
	if err != nil {
		return 0, 0, err
	}
	tmt, dt, err = script(ctx, src, dst, m, "tcp:"+l.listen(to.host))
	src.Close()
	dst.Close()
	if err != nil {
		return 0, 0, err
	}
	if to.vm, err = qemu.Open(ctx, to.qmp); err != nil {
		return 0, 0, err
	}
	if err := pause(ctx, time.Second); err != nil { // the guest is back at its pace before it moves again
		return 0, 0, err
	}
	return tmt, dt, l.Settle(measure.Moved)
}

// rawQMP hands a machine's QMP socket, which serves one client, to the script.
func (l *Lab) rawQMP(ctx context.Context, m *machine) (*qmp.Conn, error) {
	m.vm.Close()
	return qmp.Dial(ctx, m.qmp)
}

func script(ctx context.Context, src, dst *qmp.Conn, m vm.Method, uri string) (tmt, dt time.Duration, err error) {
	type capability struct {
		Capability string `json:"capability"`
		State      bool   `json:"state"`
	}
	caps := []capability{{"events", true}, {"return-path", true}, {"postcopy-ram", m == vm.PostCopy},
		{"postcopy-preempt", m == vm.PostCopy}}
	began := time.Now()
	for _, c := range []*qmp.Conn{src, dst} {
		err = errors.Join(err,
			c.Do(ctx, "migrate-set-capabilities", map[string]any{"capabilities": caps}, nil),
			c.Do(ctx, "migrate-set-parameters", map[string]any{"max-bandwidth": 0, "downtime-limit": 300}, nil))
	}
	err = errors.Join(err, dst.Do(ctx, "migrate-incoming", map[string]string{"uri": uri}, nil),
		src.Do(ctx, "migrate", map[string]string{"uri": uri}, nil))
	if err != nil {
		return 0, 0, err
	}
	if m == vm.PostCopy {
		if err := src.Do(ctx, "migrate-start-postcopy", nil, nil); err != nil {
			return 0, 0, err
		}
	}
	var stopped, resumed, completed time.Time
	for completed.IsZero() || resumed.IsZero() {
		select {
		case <-ctx.Done():
			return 0, 0, ctx.Err()
		case e := <-src.Events():
			switch {
			case e.Name == "STOP":
				stopped = e.At
			case e.Name == "MIGRATION" && string(e.Data) == `{"status": "completed"}`:
				completed = e.At
			}
		case e := <-dst.Events():
			if e.Name == "RESUME" {
				resumed = e.At
			}
		}
	}
	last := completed
	if resumed.After(last) {
		last = resumed
	}
	return last.Sub(began), resumed.Sub(stopped), nil
}
