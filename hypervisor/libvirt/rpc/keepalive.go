package rpc

// Keep-alive messages (src/rpc/virkeepaliveprotocol.x). A peer that is asked answers; one that is not asked never says
// anything.
const (
	procPing = 1
	procPong = 2
)

// keptAlive answers a daemon that asks whether this end is there. Not from the reading goroutine: it must never wait for
// a peer that does not read.
func (c *Conn) keptAlive(h header) error {
	if h.procedure == procPing {
		h.procedure = procPong
		go c.send(h, nil)
	}
	return nil
}
