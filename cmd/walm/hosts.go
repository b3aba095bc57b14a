package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/pflag"

	"walm/lab"
	"walm/lab/experiment"
)

// realHosts are the flags that put a lab on two real hosts.
type realHosts struct {
	targets []string
	lab.Hosts
}

func (r *realHosts) flags(fs *pflag.FlagSet) {
	fs.StringSliceVar(&r.targets, "hosts", nil, "two real hosts, as ssh takes them, in place of namespaces: root@alpha,root@beta")
	fs.StringVar(&r.Bridge, "bridge", "", "with --hosts: bridge on both that the guest's network joins (default: no network)")
	fs.StringVar(&r.Guest, "guest", "", "with --bridge: the guest's address, such as 192.168.7.50/24, which this machine must reach")
	fs.StringVar(&r.Device, "shape", "", "with --hosts: device of the migrations' network, to be shaped and counted (default: neither)")
	fs.StringVar(&r.QEMU, "qemu", "", "with --hosts: QEMU's program there (default: qemu-system-x86_64)")
}

// on gives the hosts that a plan runs on, nil for namespaces; or why it cannot.
func (r *realHosts) on(plan []experiment.Trial) (*lab.Hosts, error) {
	if len(r.targets) == 0 {
		if r.Hosts != (lab.Hosts{}) {
			return nil, errors.New("--bridge, --guest, --shape and --qemu want --hosts A,B")
		}
		return nil, nil
	}
	if len(r.targets) != 2 || r.targets[0] == r.targets[1] {
		return nil, fmt.Errorf("--hosts: %s are not two hosts", strings.Join(r.targets, ","))
	}
	h := r.Hosts
	h.A, h.B = r.targets[0], r.targets[1]
	for _, t := range plan {
		s, first := t.Setup, plan[0].Setup
		if s.Link != first.Link && h.Device == "" {
			return nil, errors.New("the file has more than one speed of link: give --shape DEVICE, or leave one")
		}
		if s.QEMU != first.QEMU || s.Destination != first.Destination {
			return nil, errors.New("the file varies QEMU, and real hosts have their own: leave one")
		}
		if err := h.Check(lab.Spec{Workload: s.Workload, Storage: s.Storage, Separate: s.Separate, Link: s.Link}); err != nil {
			return nil, err
		}
	}
	return &h, nil
}
