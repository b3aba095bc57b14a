package faults

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"walm/hypervisor/qmp"
	"walm/vm"
)

// sign is an event of a QEMU's, as the tester heard it.
type sign struct {
	side vm.Side
	name string
	word string // a migration's status, or a pass
	at   time.Time
}

// signs are the events of both ends since the migration was asked for.
type signs struct {
	mu  sync.Mutex
	all []sign
}

// of takes the events of one side.
func (s *signs) of(side vm.Side) func(qmp.Event) {
	return func(e qmp.Event) {
		var d struct {
			Status string `json:"status"`
			Pass   int    `json:"pass"`
		}
		_ = json.Unmarshal(e.Data, &d) // most events carry neither
		if d.Pass > 0 {
			d.Status = fmt.Sprint(d.Pass)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.all = append(s.all, sign{side, e.Name, d.Status, e.Received})
	}
}

// since gives when a sign first came after a time.
func (s *signs) since(t time.Time, side vm.Side, name string, words ...string) (time.Time, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, g := range s.all {
		if g.side == side && g.name == name && !g.at.Before(t) && (len(words) == 0 || slices.Contains(words, g.word)) {
			return g.at, true
		}
	}
	return time.Time{}, false
}

// errMissed says that a migration was over before it came to the phase.
var errMissed = errors.New("the phase was not met")

const (
	entering = 4 * time.Minute        // for a migration to come to its phase
	into     = 300 * time.Millisecond // how far into a phase that lasts the fault comes
)

// enter waits until the migration is in a phase.
func (t *trial) enter(ctx context.Context, p Phase) error {
	if t.cell.Fault == ReadOnly {
		return nil // it was there before walm was
	}
	after := time.Duration(0)
	reached := func() bool { return false }
	of := func(side vm.Side, name string, words ...string) func() bool {
		return func() bool {
			_, ok := t.signs.since(t.began, side, name, words...)
			return ok
		}
	}
	switch p {
	case Before:
		reached, after = func() bool { return t.walm.step("watching") }, into
	case FirstPass:
		reached, after = of(vm.Source, "MIGRATION", "active"), into
	case LaterPass:
		reached = of(vm.Source, "MIGRATION_PASS", "2", "3", "4", "5")
	case Switchover:
		reached = of(vm.Source, "STOP")
	case Postcopy:
		// Not before the VM runs there: what the guest is told while its device state is being loaded is lost with what that replaces.
		left, runs := of(vm.Source, "MIGRATION", "postcopy-active"), of(vm.Destination, "RESUME")
		reached, after = func() bool { return left() && runs() }, into
	case Saving:
		reached = of(vm.Source, "MIGRATION", "setup", "active")
	case Copying:
		reached = func() bool { return t.stateFile("destination.state") }
	case Restoring:
		reached = of(vm.Destination, "MIGRATION", "setup", "active")
	}
	for late := time.Now().Add(entering); !reached(); {
		switch {
		case t.walm.over():
			return fmt.Errorf("%w: walm has ended", errMissed)
		case time.Now().After(late):
			return fmt.Errorf("%w within %v", errMissed, entering)
		}
		if err := pause(ctx, time.Millisecond); err != nil {
			return err
		}
	}
	return pause(ctx, after)
}

// stateFile says whether walm has begun a file of an offline migration's, as walm's own mounts show it.
func (t *trial) stateFile(name string) bool {
	root := fmt.Sprintf("/proc/%d/root", t.walm.cmd.Process.Pid)
	folders, err := os.ReadDir(root + t.state)
	if err != nil {
		return false
	}
	for _, f := range folders {
		if info, err := os.Stat(root + t.state + "/" + f.Name() + "/" + name); err == nil && info.Size() > 0 {
			return true
		}
	}
	return false
}
