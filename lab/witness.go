package lab

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"slices"
	"sync"
	"time"

	"walm/lab/guest"
	"walm/lab/guest/wire"
	"walm/measure"
	"walm/observe"
	"walm/vm"
)

// witness sees a move from the client and through the guest's own word. It is good for one move.
type witness struct {
	lab      *Lab
	from, to *machine
	began    time.Time // of the probes
	counted  time.Time // the link, from then on
	marked   time.Time // the move is about to begin
	sockets  []net.PacketConn
	probe    *measure.Prober
	ping     *measure.Prober
	stop     context.CancelFunc
	counting sync.WaitGroup
	counts   []measure.Count

	enough context.CancelFunc // ends the readings of CPU time
	cpu    chan []measure.Usage
}

const (
	probeEvery = time.Millisecond
	countEvery = 50 * time.Millisecond
	// background is how long at least the link is counted before the move begins, to know what else passes it.
	background = 300 * time.Millisecond
	// recovery is how long the guest's throughput may take to come back before it is given up as not complete, and settled
	// is when it is given up if the last second was like the one before: a guest at full speed may stay a tenth below its
	// old pace, because its new host backs its memory with smaller pages.
	recovery = 15 * time.Second
	settled  = 2 * time.Second
	// verifying is how long the guest may check its memory: it reads about 1 GB/s under TCG on an idle machine.
	verifying = time.Minute
)

// watched is an eye that has the witness count the link while it looks. Not before: the link may be metered until then.
type watched struct {
	observe.Source
	witness *witness
}

func (w watched) Look(ctx context.Context) (vm.Trace, error) {
	w.witness.count(ctx)
	return w.Source.Look(ctx)
}

// count begins to count what passes the link, unless it is counted already.
func (w *witness) count(ctx context.Context) {
	if w.stop != nil {
		return
	}
	w.counted = time.Now()
	counting, stop := context.WithCancel(context.WithoutCancel(ctx))
	w.stop = stop
	w.counting.Go(func() { w.counts = w.lab.site.count(counting, w.from.host) })
}

// Begin returns once the link has been counted for long enough and the guest counts which pages it writes.
func (w *witness) Begin(ctx context.Context) error {
	w.count(ctx)
	if err := pause(ctx, background-time.Since(w.counted)); err != nil {
		return err
	}
	_, err := w.lab.guest.ask(ctx, w.from, guest.Command{Verb: wire.Mark})
	w.marked = time.Now()
	return err
}

// start begins to probe. That is before the VM is looked at: answering a thousand probes a second costs a
// guest under TCG a third of its CPU, and a forecast must be made of the VM as it will be while it moves.
func (w *witness) start(ctx context.Context) error {
	if address := w.lab.site.guest(); address != "" {
		if err := w.knock(net.ParseIP(address)); err != nil {
			return err
		}
	}
	w.began = time.Now()
	w.cpu = make(chan []measure.Usage, 1)
	if w.from.process.PID == 0 { // it is another machine's, and its CPU time is not read
		w.cpu <- nil
		return nil
	}
	here, err := w.from.threads(ctx)
	if err != nil {
		return err
	}
	there, err := w.to.threads(ctx)
	if err != nil {
		return err
	}
	reading, enough := context.WithCancel(context.WithoutCancel(ctx))
	w.enough = enough
	go func() { w.cpu <- usage(reading, here, there) }()
	return nil
}

// knock probes the guest from the client.
func (w *witness) knock(address net.IP) (err error) {
	var udp *net.UDPConn
	var icmp *net.IPConn
	if err := w.lab.site.client(func() (err error) {
		if udp, err = net.ListenUDP("udp4", nil); err != nil {
			return err
		}
		icmp, err = net.ListenIP("ip4:icmp", nil)
		return err
	}); err != nil {
		return fmt.Errorf("open the client's sockets: %w", err)
	}
	w.sockets = append(w.sockets, udp, icmp)
	if w.probe, err = measure.StartProbe(udp, &net.UDPAddr{IP: address, Port: guest.EchoPort}, probeEvery); err != nil {
		return err
	}
	w.ping, err = measure.StartPing(icmp, &net.IPAddr{IP: address})
	return err
}

// close ends what start began, and returns what the probes saw. It can be called again.
func (w *witness) close() (probes, pings []measure.Echo, err error) {
	var also error
	if w.probe != nil {
		probes, err = w.probe.Stop()
	}
	if w.ping != nil {
		pings, also = w.ping.Stop()
	}
	if w.stop != nil {
		w.stop()
	}
	if w.enough != nil {
		w.enough()
	}
	w.counting.Wait()
	for _, s := range w.sockets {
		s.Close()
	}
	return probes, pings, errors.Join(err, also)
}

// End watches until the guest's throughput is back, has it check its memory, and hands over what was seen.
func (w *witness) End(ctx context.Context, ends vm.Ends) (measure.Evidence, error) {
	here := w.from
	if ends.Destination.Run == vm.RunStateRunning {
		here = w.to
	}
	ended := time.Now()
	var err error
	if ends.Source.Run == vm.RunStateRunning || ends.Destination.Run == vm.RunStateRunning {
		err = w.awaitRecovery(ctx, ended)
	}
	probes, pings, lost := w.close()
	return measure.Evidence{
		Probes: probes, Pings: pings, Counts: w.counts, CPU: <-w.cpu,
		Beats:  w.lab.guest.since(w.began, w.from.host),
		Memory: w.memory(ctx, here),
		Disk:   w.lab.checkDisk(ctx, here),
	}, errors.Join(err, lost)
}

// awaitRecovery returns once the guest has been back at its pace for three beats in a row, which is what measure takes for
// back, and the watching went on for a second; or once it is not going to be.
func (w *witness) awaitRecovery(ctx context.Context, ended time.Time) error {
	before := pace(w.lab.guest.since(w.began, w.from.host), w.marked)
	for time.Since(ended) < recovery {
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return err
		}
		now := time.Now()
		half := now.Add(-time.Second)
		old := pace(w.lab.guest.since(half.Add(-time.Second), w.from.host), half)
		last := pace(w.lab.guest.since(half, w.from.host), now)
		switch watched := now.Sub(ended); {
		case watched > time.Second && back(w.lab.guest.since(ended, w.from.host), 0.95*before):
			return nil
		case watched > settled && math.Abs(last-old) <= 0.05*old:
			return nil
		}
	}
	return nil
}

// back says whether three intervals between beats in a row were at a rate.
func back(beats []measure.Beat, rate float64) bool {
	row := 0
	for i := 1; i < len(beats) && row < 3; i++ {
		a, b := beats[i-1], beats[i]
		if d := b.At.Sub(a.At).Seconds(); d > 0 && b.Ops >= a.Ops && float64(b.Ops-a.Ops)/d >= rate {
			row++
		} else {
			row = 0
		}
	}
	return row == 3
}

// pace is the median throughput of beats up to a time, in operations per second.
func pace(beats []measure.Beat, until time.Time) float64 {
	var rates []float64
	for i := 1; i < len(beats); i++ {
		a, b := beats[i-1], beats[i]
		if d := b.At.Sub(a.At).Seconds(); d > 0 && !b.At.After(until) && b.Ops >= a.Ops {
			rates = append(rates, float64(b.Ops-a.Ops)/d)
		}
	}
	if len(rates) == 0 {
		return 0
	}
	slices.Sort(rates)
	return rates[len(rates)/2]
}

// memory asks the guest to check its memory, and whether its heart still beats afterwards.
func (w *witness) memory(ctx context.Context, here *machine) *measure.Memory {
	ctx, cancel := context.WithTimeout(ctx, verifying)
	defer cancel()
	msg, err := w.lab.guest.ask(ctx, here, guest.Command{Verb: wire.Verify})
	if err != nil {
		return &measure.Memory{Err: err.Error()}
	}
	c := msg.Check
	m := &measure.Memory{Pages: c.Pages, Bad: c.Bad, Written: c.Written}
	if !c.OK() && c.Bad == 0 {
		m.Bad = max(1, c.Met)
		m.Err = "the guest's own books on its memory do not add up"
	}
	checked := time.Now()
	for m.Alive = false; !m.Alive && ctx.Err() == nil; _ = pause(ctx, 20*time.Millisecond) {
		m.Alive = len(w.lab.guest.since(checked, w.from.host)) > 0
	}
	return m
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
