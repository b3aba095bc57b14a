package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"walm/lab/vmhost"
	"walm/vm"
)

// clocks moves the guest between hosts whose clocks differ by minutes: nothing that is measured may hang on them.
func clocks(ctx context.Context, s *study) error {
	wrong := map[*vmhost.Host]time.Duration{s.pair.A: -4 * time.Minute, s.pair.B: 7 * time.Minute}
	begun := false
	for rep := range s.n {
		for _, m := range []vm.Method{vm.PreCopy, vm.PostCopy, vm.Hybrid, vm.StopAndCopy} {
			c, todo := s.cell("clocks", fmt.Sprintf("%s/%d", m, rep))
			if !todo {
				continue
			}
			c.Rep = rep
			if !begun {
				if err := s.restart(wrong); err != nil {
					return err
				}
				begun = true
			}
			rec, err := carry(ctx, s, c, m)
			if err != nil {
				return err
			}
			c.whole()
			if c.Skew, err = s.skew(ctx); err != nil {
				return err
			}
			c.expect(c.Skew > 10*time.Minute, "the clocks differ by %v only", c.Skew)
			c.expect(c.DT > 0 && c.DT <= c.TMT, "a downtime of %v cannot be in a move of %v", c.DT, c.TMT)
			c.expect(c.Gap == 0 || c.DT <= c.Gap+time.Second, "a downtime of %v, while the probe missed %v", c.DT, c.Gap)
			for _, e := range rec.Events {
				if e.At.Before(rec.Started) || e.At.After(time.Now()) {
					c.expect(false, "%s of the %s is stamped %v after the start", e.Kind, e.Side, e.At.Sub(rec.Started))
				}
			}
			if err := errors.Join(s.keep(c), s.settled(c)); err != nil {
				return err
			}
		}
	}
	if !begun {
		return nil
	}
	return s.restart(nil)
}

// skew asks both hosts for their time.
func (s *study) skew(ctx context.Context) (time.Duration, error) {
	var at [2]int64
	for i, h := range s.pair.Hosts() {
		out, err := h.SSH().Run(ctx, "date +%s", nil)
		if err != nil {
			return 0, err
		}
		if at[i], err = strconv.ParseInt(strings.TrimSpace(out), 10, 64); err != nil {
			return 0, err
		}
	}
	return time.Duration(at[1]-at[0]) * time.Second, nil
}
