package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"walm/hypervisor/qemu"
	"walm/journal"
	"walm/measure"
	"walm/migrate"
	"walm/move"
	"walm/vm"
)

// standing is what status tells of a VM.
type standing struct {
	VM      string        `json:"vm"`
	State   migrate.State `json:"state"`
	Reason  string        `json:"reason"`
	Next    migrate.Next  `json:"next"`
	Command string        `json:"command,omitempty"` // that takes the next step
	Spare   vm.Side       `json:"spare,omitempty"`   // the end that can be ended
	Holder  int           `json:"holder,omitempty"`  // the walm that moves it
	Ends    []seenEnd     `json:"ends,omitempty"`    // source and destination; nil: they were not asked
	Move    *past         `json:"move,omitempty"`    // nil: no journal tells of one
	Dropped []string      `json:"dropped,omitempty"` // what of the journal could not be read
}

// seenEnd is an end as it was found.
type seenEnd struct {
	Run    vm.RunState `json:"run"` // empty: it does not answer
	Status vm.Status   `json:"migration,omitempty"`
	Err    string      `json:"error,omitempty"`
	place  string      // for people
}

func seenOf(e vm.End, place string) seenEnd { return seenEnd{e.Run, e.Status, e.Err, place} }

// past is what the journal says of the last move.
type past struct {
	ID      string        `json:"id"`
	Began   time.Time     `json:"began"`
	Method  vm.Method     `json:"method"`
	State   migrate.State `json:"state,omitempty"` // the last that was entered
	Act     vm.ActKind    `json:"act,omitempty"`   // the last that was asked for
	Pending bool          `json:"pending"`         // and it is not told how that went
	Ended   *pastEnd      `json:"ended,omitempty"` // nil: nobody has seen its end
}

// pastEnd is how a move ended by its journal.
type pastEnd struct {
	At     time.Time      `json:"at"`
	Result measure.Result `json:"result"`
	Detail string         `json:"detail"`
}

// dossier is a VM with what its journal tells.
type dossier struct {
	vm    string // as the command line names it
	id    string // its journal's
	story move.Story
	route route
}

// openDossier reads a VM's journal, without holding it.
func openDossier(dir, id, vm string) (dossier, error) {
	d := dossier{vm: vm, id: id}
	c, err := journal.Read(journal.Path(dir, id))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return d, err
	}
	d.read(c)
	return d, nil
}

func (d *dossier) read(c journal.Contents) {
	d.story = move.Tell(c)
	d.route = routeOf(d.story)
	if d.vm == "" {
		d.vm = d.route.VM
	}
	if d.vm == "" { // its beginning is lost
		d.vm = qemu.Scheme + "/" + d.id
		if uuid, ok := strings.CutPrefix(d.id, domainPrefix); ok {
			d.vm = uuid
		}
	}
}

// examine finds out where the VM stands: who holds it, what both ends say, and what that means beside the journal.
func (d dossier) examine(ctx context.Context, dir string) (standing, error) {
	s := d.begin()
	pid, held, err := journal.Held(dir, d.id)
	switch {
	case err != nil:
		return s, err
	case held: // and its QEMUs answer nobody else
		s.Holder, s.Next, s.Command = pid, migrate.Wait, "walm status "+d.name()
		s.State = d.story.Last.State
		s.Reason = fmt.Sprintf("process %d is moving it; to have it give up: walm abort %s", pid, d.name())
		return s, nil
	case d.route.VM == "":
		s.State, s.Next = migrate.Unknown, migrate.ByHand
		s.Reason = "the journal does not tell where it was to be moved to"
		s.Command = "walm status " + d.vm + " with the other end: --to VM --listen HOST:PORT, or DESTURI"
		return s, nil
	}
	at, err := d.route.reach(ctx, d.id, d.settings(), d.story.Last.Resume)
	if err != nil {
		s.State, s.Next, s.Reason = migrate.Unknown, migrate.AskAgain, err.Error()
		return s, nil
	}
	defer at.Close()
	ends, err := at.pair.Look(ctx)
	if err != nil {
		return s, err
	}
	s.Ends = []seenEnd{seenOf(ends.Source, at.source), seenOf(ends.Destination, at.destination)}
	if d.story.Ended != nil && !d.story.Open() { // since then the VM may have been shut down, or moved elsewhere
		s.State, s.Next = move.StateOf(d.story.Ended.Result), migrate.Nothing
		s.Reason = d.story.Ended.Detail
		return s, nil
	}
	t := migrate.Triage(ends, d.story.Last)
	s.State, s.Reason, s.Next, s.Spare, s.Command = t.State, t.Reason, t.Next, t.Spare, d.command(t)
	return s, nil
}

func (d dossier) begin() standing {
	s := standing{VM: d.vm, Dropped: d.story.Dropped}
	if b := d.story.Begun; b != nil {
		s.Move = &past{ID: b.ID, Began: b.At, Method: b.Method, State: d.story.Last.State, Act: d.story.Last.Act,
			Pending: d.story.Last.Open}
		if e := d.story.Ended; e != nil {
			s.Move.Ended = &pastEnd{e.At, e.Result, e.Detail}
		}
	}
	return s
}

// name is the VM as every command of walm's takes it.
func (d dossier) name() string {
	if d.route.Connect != "" {
		return "-c " + d.route.Connect + " " + d.vm
	}
	return d.vm
}

// command is the command that takes a step, or finds out more.
func (d dossier) command(t migrate.Standing) string {
	name := d.name()
	if d.story.Begun == nil {
		name += d.route.again()
	}
	switch t.Next {
	case migrate.AskAgain, migrate.ByHand:
		return "walm status " + name
	case migrate.Nothing:
		if !d.story.Open() {
			return ""
		}
	}
	return "walm recover " + name // also where the VM is whole: it gives back what the move had set
}

// settings are what the move's beginning says that is to be given back. A look needs them too: of an offline move of libvirt's
// nobody else knows the file that holds the VM.
func (d dossier) settings() json.RawMessage {
	if d.story.Begun == nil {
		return nil
	}
	return d.story.Begun.Settings
}
