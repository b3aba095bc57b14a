package faults

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"time"

	"walm/lab/guest"
	"walm/lab/netlab"
	"walm/measure"
	"walm/vm"
)

// probes watch the guest's service from the client through a path that loses or doubles datagrams. The path is a relay of
// the tester's: netem is not in every kernel.
type probes struct {
	prober  *measure.Prober
	sockets []net.PacketConn
}

const (
	probeEvery = 10 * time.Millisecond
	mischief   = 0.2 // share of the datagrams, each way
	// slack is how much longer than the guest's own heart a service may be silent: a guest under TCG that waits for pages
	// answers late.
	slack = 3 * time.Second
)

func (b *Bench) probe(f Fault) (_ *probes, err error) {
	p := new(probes)
	defer func() {
		if err != nil {
			p.close()
			err = fmt.Errorf("probe the guest: %w", err)
		}
	}()
	var near, far, own *net.UDPConn
	client := net.IP(b.net.Client().Addr.AsSlice())
	err = netlab.Do(b.net.Client().Namespace, func() error {
		for _, c := range []**net.UDPConn{&near, &far, &own} {
			var err error
			if *c, err = net.ListenUDP("udp4", &net.UDPAddr{IP: client}); err != nil {
				return err
			}
			p.sockets = append(p.sockets, *c)
		}
		return nil
	})
	if err != nil {
		return p, err
	}
	to := &net.UDPAddr{IP: net.ParseIP(netlab.Guest), Port: guest.EchoPort}
	back := own.LocalAddr().(*net.UDPAddr)
	go relay(near, far, to, f)
	go relay(far, near, back, f)
	p.prober, err = measure.StartProbe(own, near.LocalAddr(), probeEvery)
	return p, err
}

// relay passes on what comes in at one socket to an address through another, until the first is closed.
func relay(in, out *net.UDPConn, to *net.UDPAddr, f Fault) {
	buf := make([]byte, 2048)
	for {
		n, _, err := in.ReadFromUDP(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		times := 1
		if rand.Float64() < mischief {
			times = 0
			if f == ProbesDoubled {
				times = 2
			}
		}
		for range times {
			_, _ = out.WriteToUDP(buf[:n], to) // a guest that cannot be reached loses it
		}
	}
}

func (p *probes) close() {
	if p.prober != nil {
		_, _ = p.prober.Stop()
		p.prober = nil
	}
	for _, s := range p.sockets {
		s.Close()
	}
}

// judgeProbes holds what the probes' measuring says against what both QEMUs' events say; empty where it agrees.
func (t *trial) judgeProbes() (string, error) {
	seen, err := t.probes.prober.Stop()
	t.probes.prober = nil
	if err != nil {
		return "", err
	}
	stopped, ok := t.signs.since(t.began, vm.Source, "STOP")
	resumed, also := t.signs.since(t.began, vm.Destination, "RESUME")
	if !ok || !also {
		return "the VM's stop was not seen", nil
	}
	return untrueProbes(t.cell.Fault, measure.Assess(measure.Evidence{Started: t.began, Probes: seen}).Service, resumed.Sub(stopped),
		t.silence()), nil
}

// silence is the longest time between two beats of the guest's heart, wherever they were heard.
func (t *trial) silence() (longest time.Duration) {
	beats := append(t.source.guest.heardSince(t.began), t.dest.guest.heardSince(t.began)...)
	slices.SortFunc(beats, time.Time.Compare)
	for i := 1; i < len(beats); i++ {
		longest = max(longest, beats[i].Sub(beats[i-1]))
	}
	return longest
}

// untrueProbes is what of the probes' measuring cannot be, of a VM that stood still for a while and whose heart was silent
// for another.
func untrueProbes(f Fault, s *measure.Service, still, silent time.Duration) string {
	if s == nil || s.Sent == 0 {
		return "no probe was sent"
	}
	lost := float64(s.Lost) / float64(s.Sent)
	switch {
	case s.Downtime > max(still, silent)+slack:
		return fmt.Sprintf("the probes say that the service was silent for %v, and the VM's heart was for %v", s.Downtime, silent)
	case s.Downtime < still/2:
		return fmt.Sprintf("the probes say that the service was silent for %v, and the VM stood still for %v", s.Downtime, still)
	case f == ProbesLost && lost < mischief:
		return fmt.Sprintf("of %d probes %d are said to be lost, and %.0f %% were, each way", s.Sent, s.Lost, mischief*100)
	case f == ProbesDoubled && float64(s.Lost)*probeEvery.Seconds() > (max(still, silent)+slack).Seconds():
		return fmt.Sprintf("of %d probes that were doubled %d are said to be lost", s.Sent, s.Lost)
	}
	return ""
}
