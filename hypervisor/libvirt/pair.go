package libvirt

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"walm/hypervisor/libvirt/rpc"
	"walm/internal/backlog"
	"walm/internal/undo"
	"walm/vm"
)

// Pair moves a domain from its host to another. It carries acts out and tells what it sees; it decides nothing.
type Pair struct {
	Domain  *Domain
	Options Options

	from, to *host
	emulator rpc.Version // the destination's QEMU; 0: not told
	backlog  *backlog.Backlog[vm.Event]
	events   chan vm.Event
	ctx      context.Context // ends with Close
	stop     context.CancelFunc
	working  sync.WaitGroup
	// confirmed holds a token when libvirt has answered that the VM has moved.
	confirmed chan struct{}

	mu    sync.Mutex
	known known
	undo  undo.List     // what ActRelease gives back, last first
	over  chan struct{} // closed when libvirt has answered the call that migrates
	file  string        // of the next offline move, once it has a name
	saved *saved        // nil: the VM does not move offline
}

// Options are how the domain is moved, beside the method and its parameters: the switches of virsh migrate.
type Options struct {
	// Peer is the destination's URI as the source's daemon reaches it, where that is not the one that walm uses.
	Peer string
	// Direct has walm lead the migration through its own two connections: the daemons need not reach each other, only the
	// QEMUs. A connection that is lost then ends the migration, or leaves it for someone to look after.
	Direct bool

	MigrateURI    string   // where the destination's QEMU listens, tcp://HOST[:PORT]; empty: libvirt chooses
	ListenAddress string   // empty: all of the destination's
	Name          string   // at the destination; empty: as it is
	XML           string   // of the domain at the destination; empty: as it is
	PersistentXML string   // of its definition there
	Persistent    bool     // define it at the destination
	Undefine      bool     // and no longer at the source
	CopyStorage   bool     // the hosts share no disks: copy all that are written to
	Incremental   bool     // or what differs from a base that both have
	Disks         []string // only these targets
	DisksPort     int
	TLS           bool   // of the stream of memory
	TLSName       string // the name that the destination's certificate has to bear; empty: the host's
	Unsafe        bool   // also where libvirt fears for the disks
	AbortOnError  bool   // give up where a disk fails meanwhile
	// StateDir is a folder that both hosts have under this path, for offline moves; empty: none.
	StateDir string
}

// NewPair connects to both hosts, d's and that of the URI destination, and begins to watch them. Close ends that.
func NewPair(ctx context.Context, d *Domain, destination string, o Options) (*Pair, error) {
	if o.Peer == "" {
		o.Peer = destination
	}
	run, stop := context.WithCancel(context.Background())
	p := &Pair{Domain: d, Options: o, from: &host{side: vm.Source, uri: d.URI}, to: &host{side: vm.Destination, uri: destination},
		backlog: backlog.New[vm.Event](), events: make(chan vm.Event), ctx: run, stop: stop,
		confirmed: make(chan struct{}, 1),
		known:     known{told: map[vm.Side]vm.Status{}}}
	p.working.Go(func() { p.backlog.Deliver(p.events, run.Done()) })
	if err := p.begin(ctx); err != nil {
		p.Close()
		return nil, err
	}
	for _, h := range p.hosts() {
		w := &watcher{Pair: p, host: h}
		p.working.Go(func() { w.watch(run) })
	}
	return p, nil
}

// begin connects, and refuses what would have the two ends be one: a look would find the VM running at both.
func (p *Pair) begin(ctx context.Context) error {
	ids := map[vm.Side]string{}
	for _, h := range p.hosts() {
		c, err := h.get(ctx)
		if err != nil {
			return err
		}
		text, err := c.Capabilities(ctx)
		if err != nil {
			return fmt.Errorf("ask the %s what it is: %w", h.side, err)
		}
		if ids[h.side], err = hostUUID(text); err != nil {
			return fmt.Errorf("ask the %s what it is: %w", h.side, err)
		}
	}
	to, err := p.to.get(ctx)
	if err != nil {
		return err
	}
	if p.emulator, err = to.QEMUVersion(ctx); err != nil && !refused(err) {
		return fmt.Errorf("ask the destination for its QEMU: %w", err)
	}
	if id := ids[vm.Source]; id != "" && id == ids[vm.Destination] {
		return fmt.Errorf("source and destination are the same host (UUID %s): name another host, or give one of two hosts that"+
			" have the same UUID its own host_uuid in /etc/libvirt/libvirtd.conf", id)
	}
	ends, err := p.Look(ctx)
	if err == nil && ends.Source.Run == vm.RunStateRunning && ends.Destination.Run == vm.RunStateRunning {
		err = fmt.Errorf("a domain with the UUID of %s runs at the destination as well: find out which of the two is the right"+
			" one, and do not start the other", p.Domain.Name)
	}
	return err
}

func (p *Pair) hosts() []*host { return []*host{p.from, p.to} }

// Close stops watching. A migration from host to host goes on; a direct one that is under way is ended by libvirt.
func (p *Pair) Close() error {
	p.stop()
	for _, h := range p.hosts() {
		h.close()
	}
	p.working.Wait()
	return nil
}

// Events gives what is seen of both ends, in order.
func (p *Pair) Events() <-chan vm.Event { return p.events }

func (p *Pair) tell(e vm.Event) { p.backlog.Add(e) }

// note changes what is known.
func (p *Pair) note(f func(*known)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f(&p.known)
}

func (p *Pair) knows() known {
	p.mu.Lock()
	defer p.mu.Unlock()
	k := p.known
	k.told = maps.Clone(k.told)
	return k
}

// id is the domain as daemons are asked for it: by its UUID, which both know.
func (p *Pair) id() rpc.Domain {
	d := p.Domain.Domain
	d.ID = -1
	return d
}

// Look asks both daemons now. An end that does not answer is RunStateUnknown with the error in End.Err.
func (p *Pair) Look(ctx context.Context) (vm.Ends, error) {
	var here, there seen
	var errs [2]error
	var both sync.WaitGroup
	both.Go(func() { here, errs[0] = p.ask(ctx, p.from) })
	both.Go(func() { there, errs[1] = p.ask(ctx, p.to) })
	both.Wait()
	if errs[1] == nil && there.active() {
		p.note(func(k *known) { k.came = true })
	}
	k := p.knows() // after the answers: what is known since then only makes them older
	var e vm.Ends
	if e.Source = (vm.End{}); errs[0] == nil {
		e.Source = p.savedEnd(k.source(here))
	} else {
		e.Source.Err = errs[0].Error()
	}
	if errs[1] == nil {
		e.Destination = k.destination(there)
	} else {
		e.Destination.Err = errs[1].Error()
	}
	return e, ctx.Err()
}

// ask asks one daemon for the domain and for a migration of it.
func (p *Pair) ask(ctx context.Context, h *host) (seen, error) {
	c, err := h.get(ctx)
	if err != nil {
		return seen{}, err
	}
	for {
		s, err := state(ctx, c, p.id())
		if err != nil || !s.active() {
			return s, err
		}
		job, err := c.JobStats(ctx, p.id(), false)
		switch {
		case err == nil:
			s.job = job.Type.Active() && migratesOut(job)
			return s, nil
		case errors.Is(err, rpc.OperationUnsupported): // "available only on the source host": it is coming in
			s.job = true
			return s, nil
		case !refused(err) || ctx.Err() != nil:
			return seen{}, err
		case errors.Is(err, rpc.NoDomain), errors.Is(err, rpc.OperationInvalid): // it has gone meanwhile
			continue
		}
		return seen{}, err
	}
}

func state(ctx context.Context, c *rpc.Conn, d rpc.Domain) (seen, error) {
	st, err := c.State(ctx, d)
	if errors.Is(err, rpc.NoDomain) {
		return seen{}, nil
	}
	return seen{found: err == nil, state: st}, err
}

// migratesOut says whether a job is a migration to another host (VIR_DOMAIN_JOB_OPERATION_MIGRATION_OUT).
func migratesOut(j rpc.Job) bool {
	op, ok := j.Params.Number("operation")
	return !ok || op == 5
}

var errPostcopy = errors.New("post-copy has begun: the VM runs at the destination and part of its memory is still at the" +
	" source, so cancelling would destroy it")

// Do carries out one act; see vm.ActKind for what each means.
func (p *Pair) Do(ctx context.Context, a vm.Act) error {
	if err := p.do(ctx, a); err != nil {
		return fmt.Errorf("%s: %w", a.Kind, err)
	}
	return nil
}

func (p *Pair) do(ctx context.Context, a vm.Act) error {
	switch a.Kind {
	case vm.ActPrepare:
		return p.prepare(ctx, a.Method, a.Params)
	case vm.ActStart:
		return p.start(ctx, a.Method, a.Params)
	case vm.ActCancel:
		return p.cancel(ctx)
	case vm.ActSave, vm.ActCopy, vm.ActRestore:
		return p.offlineAct(ctx, a)
	case vm.ActResumeSource:
		return p.resumeSource(ctx)
	case vm.ActRecover:
		return p.recover(ctx)
	case vm.ActRelease:
		return p.undo.Release(ctx)
	case vm.ActResume:
		c, err := p.to.get(ctx)
		if err != nil {
			return err
		}
		s := p.offline()
		if s != nil {
			s.set(func() { s.resumed = true })
		}
		err = c.Resume(ctx, p.id())
		if s != nil && refused(err) {
			s.set(func() { s.resumed = false })
		}
		return err
	}
	c, err := p.from.get(ctx)
	if err != nil {
		return err
	}
	switch a.Kind {
	case vm.ActPostcopy:
		// Before it is sent: from here on a cancel can meet a VM that has moved.
		p.note(func(k *known) { k.postcopy = true })
		return c.StartPostcopy(ctx, p.id())
	case vm.ActLimit:
		return c.SetDowntime(ctx, p.id(), milliseconds(a.Params.DowntimeLimit))
	case vm.ActBandwidth:
		if err := c.SetSpeed(ctx, p.id(), speed(a.Params.Bandwidth), false); err != nil {
			return err
		}
		if !p.knows().postcopy && a.Params.PostcopyBandwidth == 0 {
			return nil
		}
		return c.SetSpeed(ctx, p.id(), uint64(mebi(a.Params.PostcopyBandwidth)), true)
	case vm.ActPause:
		p.note(func(k *known) { k.touched = true })
		return c.Suspend(ctx, p.id())
	}
	return fmt.Errorf("%w: unknown act %q", errors.ErrUnsupported, a.Kind)
}

// resumeSource runs the VM at the source again. migrate asks for it only after a look at both ends that forbids nothing;
// it is made once more here, because two daemons that both think the VM theirs would let it run twice.
func (p *Pair) resumeSource(ctx context.Context) error {
	k := p.knows()
	if !k.touched {
		return errors.New("the VM was stopped before anything was done to it: run it with virsh resume, if it runs nowhere else")
	}
	if k.calling {
		return errors.New("libvirt has not ended the migration yet, and starts the VM itself where that is right")
	}
	there, err := p.ask(ctx, p.to)
	switch {
	case err != nil:
		return fmt.Errorf("whether the VM runs at the destination cannot be asked: %w", err)
	case there.active() && !p.restoredThere(there):
		return fmt.Errorf("the destination has the VM active (%s): end it there first, if it is the wrong one", runState(there.state))
	}
	c, err := p.from.get(ctx)
	if err != nil {
		return err
	}
	if back, err := p.bringBack(ctx, c); back {
		return err
	}
	return c.Resume(ctx, p.id())
}

func milliseconds(d time.Duration) uint64 { return uint64(max(1, d.Milliseconds())) }
