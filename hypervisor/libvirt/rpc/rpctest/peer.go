package rpctest

import (
	"net"
	"sync"

	"walm/hypervisor/libvirt/rpc"
)

// Peer is a daemon's end of one connection, by hand. What it sends to a client that is gone is lost without an error;
// Next tells that the client is gone. One goroutine may receive while others send.
type Peer struct {
	conn net.Conn
	mu   sync.Mutex // held while sending
}

// NewPeer is the peer at one end of a connection, such as a net.Pipe.
func NewPeer(c net.Conn) *Peer { return &Peer{conn: c} }

// Next waits for what the client sends next. It reports false when the client is gone or makes no sense.
func (p *Peer) Next() (Message, bool) {
	m, err := Read(p.conn)
	return m, err == nil
}

// Greet answers the client until it has opened the driver. It reports false if the client left or wanted something else.
func (p *Peer) Greet() bool {
	for {
		m, ok := p.Next()
		switch {
		case !ok:
			return false
		case m.Procedure == authList:
			p.Reply(m, new(Out).Num(1, 0))
		case m.Procedure == connectOpen:
			p.Reply(m, new(Out))
			return true
		case m.Procedure == supportsFeature:
			p.Reply(m, new(Out).Num(1))
		default:
			return false
		}
	}
}

// Reply answers m.
func (p *Peer) Reply(m Message, body *Out) {
	m.Kind, m.Status, m.Body = Reply, 0, body.Bytes()
	p.Send(m)
}

// Fail answers m with an error.
func (p *Peer) Fail(m Message, e rpc.Error) {
	m.Kind, m.Status, m.Body = Reply, 1, errorBody(e)
	p.Send(m)
}

// errorBody is an error as libvirt sends it: code, domain, message, level, and much that is absent (remote_error).
func errorBody(e rpc.Error) []byte {
	return new(Out).Num(int(e.Code), int(e.Domain)).Some(e.Message).Num(2, 0, 0).Some(e.Message).Num(0, -1, -1, 0).Bytes()
}

// Send sends a message as it is.
func (p *Peer) Send(m Message) { p.Write(m.Bytes()) }

// Write sends bytes as they are: garbage, half a message, two at once.
func (p *Peer) Write(b []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, _ = p.conn.Write(b)
}

// Close hangs up.
func (p *Peer) Close() { p.conn.Close() }
