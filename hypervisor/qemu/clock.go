package qemu

import (
	"bytes"
	"fmt"
	"os"
	"time"

	"walm/hypervisor/qmp"
)

// clock tells by walm's own clock when a QEMU's events happened. QEMU stamps them by its host's. On this host that is the same;
// another's may differ by minutes, and then a difference of stamps across hosts says nothing. What such a stamp and its
// arrival differ by is the clocks' offset and the way here, so that the least difference seen is the offset, up to the
// shortest way (of a few milliseconds through ssh, and about the same from both ends). Arrival alone, rejected, adds each
// event's own delay.
type clock struct {
	forwarded bool          // the QEMU is another host's
	lag       time.Duration // the least seen between a stamp and its arrival
	known     bool
}

// setBack is more than an event takes from anywhere: the clock there has been set back.
const setBack = 2 * time.Second

// at is when e happened. It must be told of each event, in order.
func (c *clock) at(e qmp.Event) time.Time {
	switch {
	case e.At.IsZero():
		return e.Received
	case !c.forwarded:
		return e.At
	}
	lag := e.Received.Sub(e.At)
	if !c.known || lag < c.lag || lag > c.lag+setBack {
		c.lag, c.known = lag, true
	}
	return e.Received.Add(c.lag - lag)
}

// forwards says whether a process only leads to a QEMU: what listens on its sockets here is an ssh with -L.
func forwards(pid int) bool {
	name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	return err == nil && string(bytes.TrimSpace(name)) == "ssh"
}
