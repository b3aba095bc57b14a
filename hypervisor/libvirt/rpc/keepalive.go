package rpc

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Keep-alive messages (src/rpc/virkeepaliveprotocol.x). A peer that is asked answers; one that is not asked never says
// anything.
const (
	procPing = 1
	procPong = 2

	featureKeepAlive = 10 // VIR_DRV_FEATURE_PROGRAM_KEEPALIVE
)

// A daemon from which nothing comes is asked after each interval, and given up when it has left unanswered questions
// unanswered for one more: what virsh does too.
const (
	interval   = 5 * time.Second
	unanswered = 6
)

// keepAlive tells the daemon that this end answers keep-alive messages, by which the daemon begins to send them, and
// begins to send its own. It must come before the driver is opened. A daemon that does not know them is never given up.
func (c *Conn) keepAlive(ctx context.Context) error {
	supported, err := c.truth(ctx, procSupportsFeature, new(encoder).i32(featureKeepAlive))
	if errors.Is(err, NoSupport) {
		return nil
	}
	if err == nil && supported {
		c.wg.Go(c.watchOver)
	}
	return err
}

func (c *Conn) watchOver() {
	var asked int           // since anything came
	var heardThen time.Time // what heard was when last asked
	next := time.NewTimer(interval)
	defer next.Stop()
	for {
		select {
		case <-c.done:
			return
		case <-next.C:
		}
		c.mu.Lock()
		heard := c.heard
		c.mu.Unlock()
		if !heard.Equal(heardThen) {
			asked = 0
		}
		silent := time.Since(heard)
		switch {
		case silent < interval:
			next.Reset(interval - silent)
			continue
		case asked == unanswered:
			c.hangUp(fmt.Errorf("%w: nothing has come from it for %v", ErrLost, silent.Round(time.Second)))
			return
		}
		c.send(header{progKeepAlive, 1, procPing, typeMessage, 0, statusOK}, nil)
		asked, heardThen = asked+1, heard
		next.Reset(interval)
	}
}

// keptAlive answers a daemon that asks whether this end is there.
func (c *Conn) keptAlive(h header) {
	if h.procedure == procPing {
		h.procedure = procPong
		c.send(h, nil)
	}
}
