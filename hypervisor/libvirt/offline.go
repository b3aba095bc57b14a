package libvirt

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"walm/hypervisor/libvirt/rpc"
	"walm/vm"
)

// saved is an offline move: libvirt at the source saves the domain into a file, libvirt at the destination restores it from
// there. The daemons write and read the file, so it has to be in a folder that both have.
type saved struct {
	file    string
	working sync.WaitGroup

	mu        sync.Mutex
	saving    bool
	whole     bool // the file holds the VM, and the source no longer does
	restoring bool
	resumed   bool // the destination was told to run it
}

func (p *Pair) unableOffline() string {
	o := p.Options
	switch {
	case o.StateDir == "":
		return "libvirt saves and restores through a folder that both hosts have: give one with --shared-dir"
	case o.CopyStorage || o.Incremental:
		return "libvirt copies no disks of a domain that is saved"
	case o.Persistent || o.Undefine || o.Name != "" || o.XML != "":
		return "libvirt moves the definition of a domain only with a live migration"
	case o.Direct || o.TLS:
		return "the state goes through the folder of both hosts, and nothing of it is between walm and the hosts"
	}
	return ""
}

func (p *Pair) newFile() string {
	return filepath.Join(p.Options.StateDir, "walm-"+p.Domain.UUID.String()+"-"+rand.Text()+".save")
}

func (p *Pair) prepareOffline() {
	p.mu.Lock()
	s := &saved{file: cmp.Or(p.file, p.newFile())}
	p.saved, p.file = s, ""
	p.mu.Unlock()
	p.undo.Later(func(context.Context) error { return s.remove() })
}

func (s *saved) remove() error {
	err := os.Remove(s.file)
	if errors.Is(err, fs.ErrNotExist) { // never written, or on hosts of which this is none
		return nil
	}
	return err
}

func (p *Pair) offline() *saved {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.saved
}

// offlineAct begins one of the three phases; its end arrives as vm.EventDone.
func (p *Pair) offlineAct(ctx context.Context, a vm.Act) error {
	s := p.offline()
	if s == nil {
		return errors.New("not prepared for an offline migration")
	}
	done := func(err error) {
		e := vm.Event{At: time.Now(), Kind: vm.EventDone, Act: a}
		if err != nil {
			e.Err = fmt.Sprintf("%s: %v", a.Kind, err)
		}
		p.tell(e)
	}
	switch a.Kind {
	case vm.ActSave:
		c, err := p.from.get(ctx)
		if err != nil {
			return err
		}
		s.set(func() { s.saving = true })
		s.work(p, func() {
			err := c.Save(p.ctx, p.id(), s.file)
			s.set(func() { s.saving, s.whole = false, err == nil })
			done(err)
		})
	case vm.ActCopy: // both hosts have the folder
		done(nil)
	case vm.ActRestore:
		c, err := p.to.get(ctx)
		if err != nil {
			return err
		}
		s.set(func() { s.restoring = true })
		s.work(p, func() {
			err := c.Restore(p.ctx, s.file)
			s.set(func() { s.restoring = false })
			done(err)
		})
	}
	return nil
}

func (s *saved) set(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

func (s *saved) work(p *Pair, f func()) {
	s.working.Add(1)
	p.working.Go(func() {
		defer s.working.Done()
		f()
	})
}

// savedEnd is the source's end of an offline move: once the state is in the file, the file is the source, from which the VM
// can be had back.
func (p *Pair) savedEnd(e vm.End) vm.End {
	s := p.offline()
	if s == nil || e.Run != vm.RunStateGone {
		return e
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.whole:
		return vm.End{Run: vm.RunStatePostmigrate, Status: vm.StatusCompleted}
	case s.saving:
		return vm.End{Run: vm.RunStatePostmigrate, Status: vm.StatusActive}
	}
	return e
}

// cancelSaved ends a save that is under way. What comes after it is short, and ends by itself.
func (p *Pair) cancelSaved(ctx context.Context) error {
	s := p.offline()
	if s == nil {
		return nil
	}
	s.mu.Lock()
	saving := s.saving
	s.mu.Unlock()
	if !saving {
		return nil
	}
	c, err := p.from.get(ctx)
	if err != nil {
		return err
	}
	if err := c.AbortJob(ctx, p.id()); err != nil && !errors.Is(err, rpc.OperationInvalid) {
		return err
	}
	return nil
}

// restoredThere says whether what the destination has is the copy that was restored there and never ran.
func (p *Pair) restoredThere(there seen) bool {
	s := p.offline()
	if s == nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.whole && !s.resumed && there.state.State == rpc.Paused
}

// bringBack restores the VM at the source from the file, after what the destination made of it was ended: two domains must
// not wait to run on the same disks.
func (p *Pair) bringBack(ctx context.Context, c *rpc.Conn) (bool, error) {
	s := p.offline()
	if s == nil {
		return false, nil
	}
	s.mu.Lock()
	whole := s.whole
	s.mu.Unlock()
	if !whole {
		return false, nil
	}
	if here, err := state(ctx, c, p.id()); err != nil || here.active() {
		return err != nil, err // it is back already, and only paused
	}
	s.working.Wait() // a restore that is under way at the destination
	to, err := p.to.get(ctx)
	if err != nil {
		return true, err
	}
	there, err := state(ctx, to, p.id())
	switch {
	case err != nil:
		return true, err
	case there.active() && !p.restoredThere(there):
		return true, errors.New("the destination runs the VM")
	case there.active():
		if err := to.Destroy(ctx, p.id()); err != nil {
			return true, fmt.Errorf("end the copy at the destination, which never ran: %w", err)
		}
	}
	if err := c.Restore(ctx, s.file); err != nil {
		return true, fmt.Errorf("restore the VM at the source from %s: %w", s.file, err)
	}
	s.set(func() { s.whole = false })
	return false, nil // restored paused: now it is resumed as any other
}
