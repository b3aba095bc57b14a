package qemu

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"walm/vm"
)

// original is what a move changes, as it was before.
type original struct {
	Source, Destination tuning
	Folder              string `json:",omitempty"` // offline: that holds the state file
}

// tuning is one QEMU's capabilities and those of its parameters that a move sets.
type tuning struct {
	Capabilities map[string]bool
	Parameters   map[string]any
}

// Settings tells what a move by that method is about to change at both ends, for a journal; see Adopt.
func (p *Pair) Settings(ctx context.Context, m vm.Method, params vm.Params) (json.RawMessage, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var s original
	for _, end := range p.ends() {
		t, err := end.tuning(ctx, params, p.TLS)
		if err != nil {
			return nil, fmt.Errorf("read the settings of the %s: %w", end.side, err)
		}
		if end.side == vm.Source {
			s.Source = t
		} else {
			s.Destination = t
		}
	}
	if m == vm.Offline {
		s.Folder = p.newFolder()
	}
	return json.Marshal(s)
}

// Adopt has ActRelease give back what a move changed that another process began: what its Settings told.
func (p *Pair) Adopt(text json.RawMessage) error {
	var s original
	if err := json.Unmarshal(text, &s); err != nil {
		return fmt.Errorf("read the settings from before the move: %w", err)
	}
	if s.Folder != "" {
		if !strings.HasPrefix(filepath.Base(s.Folder), folderPrefix) {
			return fmt.Errorf("the state file's folder %q was not made by walm", s.Folder)
		}
		p.undo.Later(func(context.Context) error { return os.RemoveAll(s.Folder) })
	}
	if p.CopyDisks {
		p.undo.Later(p.dropCopies)
	}
	if _, ok := s.Source.Parameters[tlsParameters()[0]]; ok {
		p.undo.Later(p.unloadBoth)
	}
	// Backward as prepare does it: the source is given back first.
	p.undo.Later(func(ctx context.Context) error { return p.Destination.giveBack(ctx, s.Destination) })
	p.undo.Later(func(ctx context.Context) error { return p.Source.giveBack(ctx, s.Source) })
	return nil
}

// tuning reads what a move sets.
func (v *VM) tuning(ctx context.Context, wanted vm.Params, tls *TLS) (tuning, error) {
	caps, err := capabilities(ctx, v.conn)
	if err != nil {
		return tuning{}, err
	}
	var params map[string]any
	if err := v.conn.Do(ctx, "query-migrate-parameters", nil, &params); err != nil {
		return tuning{}, err
	}
	before := map[string]any{}
	names := []string{"max-bandwidth", "downtime-limit", "max-postcopy-bandwidth", "cpu-throttle-initial",
		"cpu-throttle-increment", "max-cpu-throttle", "multifd-channels"}
	if wanted.ThrottleTrigger > 0 {
		names = append(names, trigger)
	}
	if wanted.Multifd > 0 {
		names = append(names, compression)
	}
	if tls != nil {
		names = append(names, tlsParameters()...)
	}
	if wanted.Switchover > 0 {
		names = append(names, switchover)
	}
	for _, name := range names {
		if x, ok := params[name]; ok {
			before[name] = notOurs(x)
		}
	}
	return tuning{caps, before}, nil
}

// giveBack sets v as it was.
func (v *VM) giveBack(ctx context.Context, before tuning) error {
	if v.ended() {
		return nil
	}
	// A source can be done with post-copy before the destination is, which still goes by its capabilities.
	if err := v.wait(ctx, func(m migration) bool { return !m.postcopy() }); err != nil {
		return err
	}
	if err := v.putAway(ctx); err != nil {
		return err
	}
	if err := v.enable(ctx, before.Capabilities); err != nil {
		return err
	}
	return v.set(ctx, before.Parameters)
}

// putAway waits until QEMU is done with a migration that has ended. The thread that finds the end sets the status; the
// connections are closed later, in the main loop, by the capabilities of that moment. With multifd switched off in between,
// its channels are forgotten and QEMU aborts, at the source with the VM: "yank_unregister_instance: Assertion
// `QLIST_EMPTY(&entry->yankfns)' failed" (10.0.2: 11 of the 72 times that the destination was killed on a busy machine).
// Until it is done query-yank (6.0) lists the migration. Before 6.0 there is no such assertion, and nothing to ask.
func (v *VM) putAway(ctx context.Context) error {
	if !v.yanks {
		return nil
	}
	var failed error
	var last vm.Status
	err := v.wait(ctx, func(m migration) bool {
		last = m.Status
		if m.active() || m.Status == vm.StatusNone {
			return true // it has not ended, or there was none
		}
		var connected []struct{ Type string }
		failed = v.conn.Do(ctx, "query-yank", nil, &connected)
		return failed != nil || !slices.ContainsFunc(connected, func(x struct{ Type string }) bool { return x.Type == "migration" })
	})
	if err = errors.Join(err, failed); err != nil {
		return fmt.Errorf("%s: %w", v.busy(last), err)
	}
	if last == vm.StatusCancelling {
		return errors.New(v.busy(last))
	}
	return nil
}

// busy says of a QEMU that is not done with a migration what that means. One that waits for an ended channel is never done; see
// vm.SafeMultifd.
func (v *VM) busy(s vm.Status) string {
	return fmt.Sprintf("QEMU %s has not put its migration away, which is %s, and takes no settings and no other migration until it has:"+
		" if it does not, start it anew", v.Version, s)
}

// dropCopies ends the copies of disks that a walm left behind which is gone: nothing at either end tells of them but their
// names.
func (p *Pair) dropCopies(ctx context.Context) error {
	if p.Source.ended() {
		return nil
	}
	blocks, err := p.Source.blocks(ctx)
	if err != nil {
		return errors.Join(errors.New("ask the source for its disks"), err)
	}
	var all []drive
	for _, b := range blocks {
		all = append(all, drive{qdev: b.name(), from: b.Inserted.Node})
	}
	return p.closeDrives(ctx, all)
}
