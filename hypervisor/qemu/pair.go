package qemu

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"walm/internal/backlog"
	"walm/internal/undo"
	"walm/vm"
)

// Pair moves the VM of one QEMU process to another that waits for it (-incoming defer). It carries acts out and tells
// what it sees; it decides nothing.
type Pair struct {
	Source, Destination *VM
	Listen              string   // HOST:PORT on which the destination listens
	StateDir            string   // offline: folder for the state file, on both hosts
	Courier             *Courier // offline between other hosts; nil: nobody carries the state
	CopyDisks           bool     // the hosts share no disks: copy them first, to the port after that of Listen
	TLS                 *TLS     // nil: as the owner of both has set it, which is plain unless they have

	events   chan vm.Event
	backlog  *backlog.Backlog[vm.Event]
	ctx      context.Context // ends with Close
	stop     context.CancelFunc
	watchers sync.WaitGroup

	connects time.Time // until then the source may be connecting because of the last ActRecover; of Do's caller

	mu       sync.Mutex
	undo     undo.List // what ActRelease gives back, last first
	postcopy bool      // ActPostcopy was issued: nothing may be cancelled
	offline  *offline
	folder   string         // of the next offline move's state file, once it has a name
	mirror   *mirror        // nil: no disks are copied, or the VM moves offline
	given    map[string]int // devices of the source's and the destination's when they were compared last; nil: not told
	has      map[string]int
}

// NewPair begins to watch both ends. Close ends that.
func NewPair(source, destination *VM, listen, stateDir string) *Pair {
	ctx, cancel := context.WithCancel(context.Background())
	p := &Pair{Source: source, Destination: destination, Listen: listen, StateDir: stateDir,
		events: make(chan vm.Event), backlog: backlog.New[vm.Event](), ctx: ctx, stop: cancel}
	began := time.Now()
	for _, end := range p.ends() {
		w := &watcher{Pair: p, side: end.side, vm: end.VM}
		p.watchers.Go(func() { w.watch(ctx, began) })
	}
	p.watchers.Go(func() { p.backlog.Deliver(p.events, ctx.Done()) })
	return p
}

// Close stops watching, and what an offline move has under way. It leaves both QEMUs and their connections as they are.
func (p *Pair) Close() error {
	p.stop()
	p.watchers.Wait()
	return nil
}

// end is one end of a pair.
type end struct {
	side vm.Side
	*VM
}

func (p *Pair) ends() []end { return []end{{vm.Source, p.Source}, {vm.Destination, p.Destination}} }

// Events gives what is seen of both ends, in order.
func (p *Pair) Events() <-chan vm.Event { return p.events }

// Look asks both ends now. An end that does not answer is RunStateUnknown with the error in End.Err; one whose process
// has ended is RunStateGone.
func (p *Pair) Look(ctx context.Context) (vm.Ends, error) {
	var e vm.Ends
	source := p.disks().view()
	var both sync.WaitGroup
	both.Go(func() { e.Source = source(p.Source.state(ctx)) })
	both.Go(func() { e.Destination = p.Destination.state(ctx) })
	both.Wait()
	return e, ctx.Err()
}

func (v *VM) state(ctx context.Context) vm.End {
	run, err := v.RunState(ctx)
	if err != nil {
		if v.ended() {
			return vm.End{Run: vm.RunStateGone, Err: "the process has ended"}
		}
		return vm.End{Err: err.Error()}
	}
	m, err := v.migration(ctx)
	if err != nil {
		return vm.End{Run: run, Err: err.Error()}
	}
	return vm.End{Run: run, Status: m.Status, Err: m.ErrorDesc}
}

var errPostcopy = errors.New("post-copy has begun: the VM runs at the destination and part of its memory is still at the" +
	" source, so cancelling would destroy it")

// Do carries out one act; see vm.ActKind for what each means.
func (p *Pair) Do(ctx context.Context, a vm.Act) error {
	limit := patience
	if a.Kind == vm.ActPrepare && p.TLS != nil {
		limit += 2 * loading
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	err := p.do(ctx, a)
	if err != nil {
		return fmt.Errorf("%s: %w", a.Kind, err)
	}
	return nil
}

func (p *Pair) do(ctx context.Context, a vm.Act) error {
	src, dst := p.Source.conn, p.Destination.conn
	switch a.Kind {
	case vm.ActPrepare:
		return p.prepare(ctx, a.Method, a.Params)
	case vm.ActStart:
		return p.start(ctx, a.Params)
	case vm.ActPostcopy:
		p.mu.Lock()
		p.postcopy = true // before it is sent: from here on a cancel can meet a VM that has moved
		p.mu.Unlock()
		return src.Do(ctx, "migrate-start-postcopy", nil, nil)
	case vm.ActLimit:
		return p.Source.set(ctx, map[string]any{"downtime-limit": a.Params.DowntimeLimit.Milliseconds()})
	case vm.ActBandwidth:
		return p.Source.set(ctx, bandwidth(p.Source.Features, a.Params))
	case vm.ActCancel:
		return p.cancel(ctx)
	case vm.ActPause:
		return src.Do(ctx, "stop", nil, nil)
	case vm.ActSave, vm.ActCopy, vm.ActRestore:
		return p.offlineAct(ctx, a)
	case vm.ActResume:
		return dst.Do(ctx, "cont", nil, nil)
	case vm.ActResumeSource:
		return src.Do(ctx, "cont", nil, nil)
	case vm.ActRecover:
		return p.recover(ctx)
	case vm.ActRelease:
		return p.undo.Release(ctx)
	}
	return fmt.Errorf("%w: unknown act %q", errors.ErrUnsupported, a.Kind)
}

// start begins to send memory, or the disks before it.
func (p *Pair) start(ctx context.Context, params vm.Params) error {
	if m := p.disks(); m != nil {
		p.begin(m, params)
		return nil
	}
	return p.migrate(ctx)
}
