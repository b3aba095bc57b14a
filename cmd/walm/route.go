package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"walm/hypervisor/libvirt"
	"walm/hypervisor/qemu"
	"walm/move"
)

// route is how both ends of a move are reached, as its journal keeps it for another walm: two QEMUs, or a domain and two
// libvirts.
type route struct {
	VM string // as the command line names it

	Source      *qemu.Identity `json:",omitempty"`
	Destination *qemu.Identity `json:",omitempty"`
	Listen      string         `json:",omitempty"`
	StateDir    string         `json:",omitempty"`
	CopyDisks   bool           `json:",omitempty"`

	Connect string `json:",omitempty"`
	To      string `json:",omitempty"` // the destination's libvirt as the source's reaches it
	Through string `json:",omitempty"` // and as walm does, where that is not the same
	Direct  bool   `json:",omitempty"`
	Shared  string `json:",omitempty"` // offline: the folder that both hosts have
}

func (r route) text() json.RawMessage {
	text, err := json.Marshal(r)
	if err != nil {
		return nil // it holds nothing that JSON does not
	}
	return text
}

// routeOf is the route that a journal tells of; empty where it tells of none.
func routeOf(s move.Story) route {
	var r route
	if s.Begun != nil && json.Unmarshal(s.Begun.Route, &r) != nil {
		return route{}
	}
	return r
}

// again are the words behind the VM's name that name the move's other end on the command line.
func (r route) again() string {
	switch {
	case r.Destination != nil:
		return fmt.Sprintf(" --to %s%s --listen %s", qemu.Scheme, r.Destination.Socket, r.Listen)
	case r.To != "":
		return " " + r.To
	}
	return ""
}

// interruptible is a pair whose post-copy can be broken off, so that it can be taken up again.
type interruptible interface {
	move.Pair
	Interrupt(context.Context) error
}

// scene is a move's two ends, reached.
type scene struct {
	pair        interruptible
	source      string // for people
	destination string
	spare       string // how the source's end is ended once it is spare
	undo        []func() error
}

func (s *scene) Close() {
	for i := range s.undo {
		_ = s.undo[len(s.undo)-1-i]()
	}
}

// reach reaches the ends of a move, those that are there: what is not is told by looks. The VM is the journal id's. Settings are
// what its beginning says that is to be given back; resumed says that the destination was told to run the VM.
func (r route) reach(ctx context.Context, id string, settings json.RawMessage, resumed bool) (*scene, error) {
	if r.Source == nil {
		return r.reachDomain(ctx, id, settings, resumed)
	}
	src, dst := qemu.Again(ctx, *r.Source), qemu.Again(ctx, *r.Destination)
	pair := qemu.NewPair(src, dst, r.Listen, r.StateDir)
	pair.CopyDisks = r.CopyDisks
	s := &scene{pair: pair, undo: []func() error{src.Close, dst.Close, pair.Close},
		source: place("source", *r.Source), destination: place("destination", *r.Destination)}
	if r.Source.PID != 0 {
		s.spare = fmt.Sprintf("kill %d", r.Source.PID)
	}
	if settings == nil {
		return s, nil
	}
	if err := pair.Adopt(settings); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func place(end string, id qemu.Identity) string {
	if id.PID == 0 {
		return fmt.Sprintf("the %s (%s)", end, id.Socket)
	}
	return fmt.Sprintf("the %s (process %d, %s)", end, id.PID, id.Socket)
}

// reachDomain asks for the domain by its UUID: another can have its name by now, and where it was it may be known no more.
func (r route) reachDomain(ctx context.Context, id string, settings json.RawMessage, resumed bool) (*scene, error) {
	d, err := libvirt.Again(ctx, r.Connect, r.VM, strings.TrimPrefix(id, domainPrefix))
	if err != nil {
		return nil, err
	}
	pair, err := libvirt.NewPair(ctx, d, cmp.Or(r.Through, r.To), libvirt.Options{Peer: r.To, Direct: r.Direct, StateDir: r.Shared})
	if err != nil {
		d.Close()
		return nil, err
	}
	s := &scene{pair: pair, undo: []func() error{d.Close, pair.Close},
		source: "the source (" + d.Host + ")", destination: "the destination (" + r.To + ")"}
	if settings == nil {
		return s, nil
	}
	if err := pair.Adopt(ctx, settings, resumed); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}
