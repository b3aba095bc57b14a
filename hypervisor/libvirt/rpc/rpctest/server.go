package rpctest

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"slices"
	"sync"

	"walm/hypervisor/libvirt/rpc"
)

// Server is a fake daemon. As in libvirtd, calls overlap: an answer waits for none before it.
type Server struct {
	listener net.Listener
	wg       sync.WaitGroup

	mu      sync.Mutex
	host    Host
	special map[procedure]Handler
	clients map[*client]bool
	calls   []string
	stopped bool
}

type procedure struct{ program, number uint32 }

// Handler answers one call. An error that is no rpc.Error is an internal error, and nil is no answer at all, ever.
type Handler func(args *In) (*Out, error)

// client is a connection with what it has registered for.
type client struct {
	*Peer
	mu     sync.Mutex
	last   int
	events map[int]wanted // by the callback's number
}

// wanted is what one callback is for. A zero UUID stands for every domain.
type wanted struct {
	monitor bool
	kind    rpc.EventKind
	domain  rpc.UUID
}

// Listen starts a fake daemon at a UNIX socket, in place of what is left of one before it.
func Listen(path string, h Host) (*Server, error) {
	if fi, err := os.Lstat(path); err == nil && fi.Mode()&os.ModeSocket != 0 {
		if err := os.Remove(path); err != nil {
			return nil, fmt.Errorf("fake libvirtd: %w", err)
		}
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("fake libvirtd: %w", err)
	}
	return Serve(l, h), nil
}

// Serve starts a fake daemon behind a listener, which it closes at its end.
func Serve(l net.Listener, h Host) *Server {
	s := New(h)
	s.listener = l
	s.wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			s.Attach(conn)
		}
	})
	return s
}

// New makes a fake daemon that nobody can reach but by Attach.
func New(h Host) *Server {
	h.complete()
	return &Server{host: h, special: map[procedure]Handler{}, clients: map[*client]bool{}}
}

// Attach serves a connection, such as one end of a net.Pipe, until it ends.
func (s *Server) Attach(conn net.Conn) {
	c := &client{Peer: NewPeer(conn), events: map[int]wanted{}}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		conn.Close()
		return
	}
	s.clients[c] = true
	s.wg.Go(func() {
		s.serve(c)
		s.mu.Lock()
		delete(s.clients, c)
		s.mu.Unlock()
	})
}

// Close ends the daemon with all its connections. Migrations that are under way are waited for.
func (s *Server) Close() {
	s.mu.Lock()
	s.stopped = true
	if s.listener != nil {
		s.listener.Close()
	}
	s.mu.Unlock()
	s.HangUp()
	s.wg.Wait()
}

// HangUp ends the connections that there are.
func (s *Server) HangUp() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.clients {
		c.Close()
	}
}

// Update changes what the daemon tells.
func (s *Server) Update(change func(*Host)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.host)
	s.host.complete()
}

// Domain changes one domain, and does nothing where there is none of that name.
func (s *Server) Domain(name string, change func(*Domain)) {
	s.Update(func(h *Host) {
		for _, d := range h.Domains {
			if d.Name == name {
				change(d)
			}
		}
	})
}

// Handle answers a procedure of the remote program otherwise than the daemon would; nil lets it again.
func (s *Server) Handle(number uint32, h Handler) { s.handle(procedure{Remote, number}, h) }

// HandleQEMU is the same for the QEMU program.
func (s *Server) HandleQEMU(number uint32, h Handler) { s.handle(procedure{QEMU, number}, h) }

func (s *Server) handle(p procedure, h Handler) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if h == nil {
		delete(s.special, p)
		return
	}
	s.special[p] = h
}

// Calls are the procedures that were called, in order, such as "remote 273".
func (s *Server) Calls() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

// serve answers a client's calls until it is gone.
func (s *Server) serve(c *client) {
	defer c.Close()
	var wg sync.WaitGroup
	defer wg.Wait()
	for {
		m, ok := c.Next()
		switch {
		case !ok:
			return
		case m.Program == KeepAlive && m.Procedure == 1:
			m.Procedure = 2
			c.Send(m)
		case m.Kind != Call:
		default: // a migration's answer takes as long as the migration
			wg.Go(func() { s.answer(c, m) })
		}
	}
}

func (s *Server) answer(c *client, m Message) {
	s.mu.Lock()
	s.calls = append(s.calls, name(m.Program, m.Procedure))
	h := s.special[procedure{m.Program, m.Procedure}]
	s.mu.Unlock()
	in := &In{b: m.Body}
	var out *Out
	var err error
	switch {
	case h != nil:
		out, err = h(in)
	case m.Program == QEMU:
		out, err = s.qemu(c, m.Procedure, in)
	case m.Program == Remote:
		out, err = s.remote(c, m.Procedure, in)
	default:
		err = &rpc.Error{Code: 39, Domain: 7, Message: fmt.Sprintf("Cannot find program %d version %d", m.Program, m.Version)}
	}
	var refused *rpc.Error
	switch {
	case in.Bad:
		c.Fail(m, rpc.Error{Code: 39, Domain: 7, Message: "Unable to decode message payload"})
	case errors.As(err, &refused):
		c.Fail(m, *refused)
	case err != nil:
		c.Fail(m, rpc.Error{Code: 1, Domain: 10, Message: "internal error: " + err.Error()})
	case out != nil:
		c.Reply(m, out)
	}
}

// Emit sends an event to whoever has registered for it.
func (s *Server) Emit(e rpc.Event) {
	s.mu.Lock()
	clients := slices.Collect(maps.Keys(s.clients))
	s.mu.Unlock()
	for _, c := range clients {
		c.emit(e)
	}
}

func (c *client) emit(e rpc.Event) {
	var kind rpc.EventKind
	program, number := uint32(Remote), uint32(0)
	body := new(Out)
	switch {
	case e.Lifecycle != nil:
		kind, number = rpc.EventsLifecycle, lifecycleEvent
		body.Num(int(e.Lifecycle.Event), int(e.Lifecycle.Detail))
	case e.Iteration != nil:
		kind, number = rpc.EventsIteration, iterationEvent
		body.Num(int(*e.Iteration))
	case e.JobCompleted != nil:
		kind, number = rpc.EventsJobCompleted, jobCompletedEvent
		body.Params(e.JobCompleted)
	case e.Monitor != nil:
		program, number = QEMU, qemuEvent
		seconds, micros := stamp(e.Monitor.At)
		body.Str(e.Monitor.Name).Long(seconds).Num(micros)
		if e.Monitor.Data == nil {
			body.Num(0)
		} else {
			body.Some(string(e.Monitor.Data))
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, w := range c.events {
		if w.monitor != (e.Monitor != nil) || w.kind != kind || w.domain != (rpc.UUID{}) && w.domain != e.Domain.UUID {
			continue
		}
		head := new(Out).Num(id).Dom(e.Domain)
		c.Send(Message{Program: program, Version: 1, Procedure: number, Kind: Event, Body: append(head.b, body.b...)})
	}
}

// register adds a callback and answers with its number.
func (c *client) register(w wanted) *Out {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last++
	c.events[c.last] = w
	return new(Out).Num(c.last)
}

func (c *client) deregister(id int) *Out {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.events, id)
	return new(Out)
}
