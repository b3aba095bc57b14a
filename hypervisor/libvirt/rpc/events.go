package rpc

import (
	"context"
	"encoding/json"
	"time"
)

// Event is something that the daemon reports unasked. Exactly one of the pointers is set.
type Event struct {
	Domain   Domain
	Received time.Time // with a monotonic reading

	Lifecycle    *Lifecycle
	Iteration    *int32 // the pass of a migration that begins
	JobCompleted Params // statistics of a job that has ended
	Monitor      *Monitor
}

// Lifecycle is a change of a domain's life (virDomainEventType and its detail).
type Lifecycle struct{ Event, Detail int32 }

// Lifecycle events.
const (
	EventStarted   = 2
	EventSuspended = 3
	EventResumed   = 4
	EventStopped   = 5
	EventCrashed   = 8
)

// Monitor is an event of QEMU's own, unchanged.
type Monitor struct {
	Name string
	At   time.Time // QEMU's stamp, of its host's wall clock to the microsecond
	Data json.RawMessage
}

// Procedures of events, and the messages that come of them.
const (
	procRegister    = 316
	msgLifecycle    = 318
	msgIteration    = 359
	msgJobCompleted = 363

	procRegisterMonitor = 4 // of the QEMU program
	msgMonitor          = 6
)

// Kinds of events to register for (virDomainEventID).
type EventKind int32

// What walm asks for.
const (
	EventsLifecycle    EventKind = 0
	EventsIteration    EventKind = 20
	EventsJobCompleted EventKind = 21
)

// Register asks for a kind of events of every domain of the host. They come until the connection ends.
func (c *Conn) Register(ctx context.Context, kind EventKind) error {
	_, err := ask(ctx, c, procRegister, new(encoder).i32(int32(kind)).absent(), (*decoder).i32)
	return err
}

// RegisterMonitor asks for the events of the QEMU of a domain, or of all of the host's where none is given. Unlike a
// command to its monitor this taints nothing.
func (c *Conn) RegisterMonitor(ctx context.Context, of ...Domain) error {
	args := new(encoder)
	if len(of) == 0 {
		args.absent()
	} else {
		args.u32(1).domain(of[0])
	}
	_, err := askOf(ctx, c, progQEMU, procRegisterMonitor, args.absent().u32(0), (*decoder).i32)
	return err
}

func decodeEvent(h header, body []byte) (Event, bool) {
	d := &decoder{b: body}
	d.u32() // the callback's number
	e := Event{Domain: d.domain(), Received: time.Now()}
	switch {
	case h.program == progRemote && h.procedure == msgLifecycle:
		e.Lifecycle = &Lifecycle{d.i32(), d.i32()}
	case h.program == progRemote && h.procedure == msgIteration:
		n := d.i32()
		e.Iteration = &n
	case h.program == progRemote && h.procedure == msgJobCompleted:
		e.JobCompleted = d.params()
	case h.program == progQEMU && h.procedure == msgMonitor:
		m := &Monitor{Name: d.string()}
		m.At = time.Unix(int64(d.u64()), int64(d.u32())*1000)
		m.Data = json.RawMessage(d.optional())
		e.Monitor = m
	default:
		return Event{}, false
	}
	return e, d.err == nil
}
