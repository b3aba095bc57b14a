package trial

import (
	"math/rand/v2"
	"time"

	"walm/decide"
	"walm/decide/peer"
	"walm/lab"
	"walm/lab/experiment"
	"walm/lab/guest/load"
	"walm/vm"
)

// spec is the lab that a setup needs.
func spec(s experiment.Setup, on *lab.Hosts) lab.Spec {
	return lab.Spec{Hosts: on, Workload: s.Workload, Memory: s.Memory, VCPUs: s.VCPUs, Accelerator: s.Accelerator, Link: s.Link, Unshaped: s.Link == 0,
		Separate: s.Separate, Storage: s.Storage, QEMU: s.QEMU, Destination: s.Destination}
}

// image says whether the guest's disk must be the one with programs on it.
func image(s experiment.Setup) bool {
	_, programs := s.Workload.Find(load.Program)
	return programs
}

// underXen is the downtime limit with which QEMU's own stop rule never comes before one that is imposed: what it lets
// pass at 1 Gbit/s, 118 kB, is fewer than the 50 pages of Xen's.
const underXen = time.Millisecond

// policy is what walm is told to do with a trial's VM.
func policy(t experiment.Trial) decide.Policy {
	s := t.Setup
	p := decide.Policy{Profile: decide.Balanced, Method: s.Method}
	switch s.Choice {
	case experiment.Random:
		among := s.Among
		if len(among) == 0 {
			among = vm.Methods()
		}
		p.Method = among[rand.New(rand.NewPCG(t.Seed, 0)).IntN(len(among))]
	case experiment.Walm:
		p.Method, p.Profile, p.Among = "", decide.Profile(s.Profile), s.Among
		p.NoPostcopy = len(s.Among) > 0 // not even in flight, where none of them is
		for _, m := range s.Among {
			p.NoPostcopy = p.NoPostcopy && !m.Postcopies()
		}
	}
	if s.StopRule == experiment.XenRule {
		p.Stop = decide.XenRule()
	}
	return p
}

// steer is the policy of the peer that a setup names, nil for every other choice. Its budgets per GiB are for the memory
// that the experiment's file says, before it was scaled down.
func steer(s experiment.Setup) (func(vm.Trace, vm.Link) peer.Steering, error) {
	if s.Choice != experiment.Peer {
		return nil, nil
	}
	p, err := peer.Find(s.Peer)
	if err != nil {
		return nil, err
	}
	ram := vm.Bytes(float64(s.Memory-s.Spare)*s.Scale) + s.Spare
	return func(t vm.Trace, l vm.Link) peer.Steering {
		return p.Begin(peer.Site{Trace: t, Link: l, RAM: ram, Cap: s.Params.Bandwidth, Scale: s.PeerScale})
	}, nil
}

// tune gives a method the setup's parameters: all of them where the setup names the method, and else those that the
// experiment sets and the method has.
func tune(s experiment.Setup) func(vm.Method, vm.Params) vm.Params {
	return func(m vm.Method, p vm.Params) vm.Params {
		set := s.Params
		switch {
		case s.Choice == experiment.Fixed && m == s.Method:
			p = set
		case s.Choice != experiment.Fixed:
			p = overlay(m, p, set)
		}
		if s.StopRule == experiment.XenRule && m == vm.PreCopy {
			p.DowntimeLimit = underXen
		}
		return p
	}
}

func overlay(m vm.Method, p, set vm.Params) vm.Params {
	if set.DowntimeLimit > 0 && m != vm.StopAndCopy && m != vm.Offline {
		p.DowntimeLimit = set.DowntimeLimit
	}
	if set.Bandwidth > 0 {
		p.Bandwidth = set.Bandwidth
	}
	if m.Postcopies() || p.Postcopy {
		if set.PostcopyBandwidth > 0 {
			p.PostcopyBandwidth = set.PostcopyBandwidth
		}
		p.Preempt = p.Preempt || set.Preempt
	} else if set.Multifd > 0 && m != vm.Offline {
		p.Multifd, p.Compression = set.Multifd, set.Compression
	}
	if set.Passes > 0 && m == vm.Hybrid {
		p.Passes = set.Passes
	}
	if m == vm.AutoConverge {
		for _, x := range []struct{ to, from *int }{{&p.ThrottleInitial, &set.ThrottleInitial},
			{&p.ThrottleIncrement, &set.ThrottleIncrement}, {&p.ThrottleMax, &set.ThrottleMax}} {
			if *x.from > 0 {
				*x.to = *x.from
			}
		}
	}
	return p
}
