package faults

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"walm/journal"
	"walm/lab/debian"
	"walm/lab/netlab"
	"walm/migrate"
	"walm/move"
	"walm/vm"
)

// Killing is one walm that was killed, and what its successors said and did.
type Killing struct {
	Method  vm.Method    `json:"method"`
	QEMU    debian.Suite `json:"qemu"`
	Instant float64      `json:"instant"` // of the time that was forecast, from the journal's first entry on
	At      time.Time    `json:"at"`
	After   float64      `json:"after"` // seconds from that entry until the signal
	Ended   bool         `json:"ended,omitempty"`

	Journal  string        `json:"journal"` // the last that it told
	Before   [2]End        `json:"before"`  // both ends as the tester finds them, around walm status
	Behind   [2]End        `json:"behind"`
	Beats    [2]int        `json:"beats"` // of the guest's heart meanwhile
	State    migrate.State `json:"state"` // walm status' word
	Next     migrate.Next  `json:"next"`
	Recovery Word          `json:"recovery"`
	Last     Found         `json:"last"`
	Verdict  Verdict       `json:"verdict"`
	Why      string        `json:"why,omitempty"`
	Took     float64       `json:"seconds"`
}

// Kill begins a migration, kills walm at an instant between 0 and 1 of the time that it forecast, asks walm status and takes
// the next step with walm recover, and finds out for itself where the VM is. The error is the tester's own.
func (b *Bench) Kill(ctx context.Context, m vm.Method, suite debian.Suite, instant float64) (k Killing, err error) {
	k = Killing{Method: m, QEMU: suite, Instant: instant, At: time.Now()}
	t := &trial{bench: b, cell: Cell{Method: m}, state: filepath.Join(b.dir, "state")}
	defer func() {
		if t.walm != nil {
			t.walm.await(ctx, 0)
		}
		err = errors.Join(err, t.source.end(), t.dest.end(), os.RemoveAll(t.state))
		k.Took = time.Since(k.At).Seconds()
	}()
	ready, cancel := context.WithTimeout(ctx, bootPatience)
	defer cancel()
	if t.source, err = b.restore(ready, suite, false); err != nil {
		return k, err
	}
	if t.dest, err = b.launch(ready, suite, netlab.B, true, false); err != nil {
		return k, err
	}
	if t.walm, err = b.run("migrate", t.source.uri(), "--to", t.dest.uri(), "--listen", t.listen(),
		"--method", string(m), "--link", fmt.Sprintf("%.0fMbit/s", speed*8/1000/1000), "--bandwidth", "20MB/s",
		"--postcopy-bandwidth", "8MB/s", "--shadow", "--state-dir", t.state, "--progress", "none"); err != nil {
		return k, err
	}
	if err := t.killAt(ctx, &k); err != nil || k.Ended {
		return k, err
	}
	if err := t.status(ctx, &k); err != nil {
		return k, err
	}
	p, err := b.run("recover", t.source.uri(), "--state-dir", t.state, "--progress", "none", "--output", "json")
	if err != nil {
		return k, err
	}
	k.Recovery = p.await(ctx, lastWord)
	k.Last = t.look(ctx, true)
	k.Verdict, k.Why = k.judge()
	if left, _ := filepath.Glob(filepath.Join(t.state, "walm-state-*")); k.Verdict == Held && len(left) > 0 {
		k.Verdict, k.Why = Left, fmt.Sprintf("state files are left behind: %v", left)
	}
	if k.Verdict == Held {
		k.Verdict, k.Why = t.givenBack(ctx)
	}
	return k, nil
}

// Warm boots the guest of a version, which Kill otherwise does with the first move.
func (b *Bench) Warm(ctx context.Context, suite debian.Suite) error {
	_, err := b.snapshot(ctx, suite)
	return err
}

// killAt waits for the journal's first entry, then until the instant, and kills walm.
func (t *trial) killAt(ctx context.Context, k *Killing) error {
	for {
		s, err := t.story()
		if err != nil {
			return err
		}
		if s.Begun != nil {
			_ = pause(ctx, time.Duration(k.Instant*float64(s.Begun.TMT.Mid))-time.Since(s.Begun.At))
			k.After = time.Since(s.Begun.At).Seconds()
			break
		}
		if t.walm.over() {
			return fmt.Errorf("walm has not begun: %q", t.walm.word(false).Lines)
		}
		if err := pause(ctx, 2*time.Millisecond); err != nil {
			return err
		}
	}
	w := t.walm.await(ctx, 0)
	s, err := t.story()
	if err != nil {
		return err
	}
	k.Ended = s.Ended != nil || w.Exit >= 0 && w.Claim != Silent
	k.Journal = string(s.Last.State)
	if s.Last.Open {
		k.Journal += ", " + string(s.Last.Act) + " under way"
	}
	return nil
}

// story is what the only journal of the trial's folder tells.
func (t *trial) story() (move.Story, error) {
	ids, err := journal.List(t.state)
	if err != nil || len(ids) == 0 {
		return move.Story{}, err
	}
	c, err := journal.Read(journal.Path(t.state, ids[0]))
	return move.Tell(c), err
}

// hearing is how long a heartbeat is waited for where a QEMU says that its guest runs.
const hearing = 10 * time.Second

// status asks walm status, and both ends before and after.
func (t *trial) status(ctx context.Context, k *Killing) error {
	began := time.Now()
	k.Before = [2]End{t.source.ask(ctx), t.dest.ask(ctx)}
	var out bytes.Buffer
	cmd := exec.Command(t.bench.spec.Walm, "status", t.source.uri(), "--state-dir", t.state, "-o", "json")
	cmd.Args[0], cmd.Stdout, cmd.Env = "walm", &out, os.Environ()
	if err := t.bench.start("", cmd); err != nil {
		return err
	}
	_ = cmd.Wait() // its code says that a step is due
	k.Behind = [2]End{t.source.ask(ctx), t.dest.ask(ctx)}
	// On a busy machine a guest that runs can be silent for some time.
	for late := time.Now().Add(hearing); time.Now().Before(late) && (k.Behind[0].Run == vm.RunStateRunning && t.source.guest.since(began) == 0 ||
		k.Behind[1].Run == vm.RunStateRunning && t.dest.guest.since(began) == 0); {
		_ = pause(ctx, listening)
	}
	k.Beats = [2]int{t.source.guest.since(began), t.dest.guest.since(began)}
	var said struct {
		VMs []struct {
			State migrate.State
			Next  migrate.Next
		}
	}
	if err := json.Unmarshal(out.Bytes(), &said); err != nil || len(said.VMs) != 1 {
		return fmt.Errorf("walm status said %q: %w", out.Bytes(), err)
	}
	k.State, k.Next = said.VMs[0].State, said.VMs[0].Next
	return nil
}

// judge holds walm status' word against what was found around it, and what recover did against what must be.
func (k *Killing) judge() (Verdict, string) {
	switch k.Last.Standing {
	case AtSource, AtDestination:
	case Twice, Corrupted, Gone:
		return Bad, fmt.Sprintf("after the recovery it is %s: %s", k.Last.Standing, k.Last.Note)
	default:
		return Left, fmt.Sprintf("after the recovery it is %s: %s", k.Last.Standing, k.Last.Note)
	}
	if !k.true(k.Before) && !k.true(k.Behind) {
		return Untrue, fmt.Sprintf("status said %s where the source was %s, %s, and the destination %s, %s", k.State, k.Before[0].Run,
			k.Before[0].Status, k.Before[1].Run, k.Before[1].Status)
	}
	if k.Recovery.Exit != 0 {
		return Untrue, fmt.Sprintf("recover ended with %d: %q", k.Recovery.Exit, k.Recovery.Lines)
	}
	return Held, ""
}

// true says whether the state that status told is that of a VM whose ends look so.
func (k *Killing) true(e [2]End) bool {
	src, dst := e[0].Run == vm.RunStateRunning, e[1].Run == vm.RunStateRunning
	over := slices.Contains([]vm.Status{"", vm.StatusNone, vm.StatusCompleted, vm.StatusFailed, vm.StatusCancelled}, e[0].Status)
	switch k.State {
	case migrate.Failed, migrate.Cancelled:
		return src && !dst && over && k.Beats[0] > 0
	case migrate.Preparing, migrate.Copying:
		return src && !dst && !over
	case migrate.Completed:
		return dst && !src && over && k.Beats[1] > 0
	case migrate.Postcopying:
		return dst && !src
	case migrate.Switching, migrate.Saving, migrate.Transferring, migrate.Restoring:
		return !src && !dst
	case migrate.Returning: // stopped at the source, or running there with a migration that is to be cancelled
		return !dst && (!src || !over)
	case migrate.Paused:
		return e[0].Status == vm.StatusPostcopyPaused || e[1].Status == vm.StatusPostcopyPaused
	}
	return false
}

// givenBack says whether the QEMU that runs the VM has the settings that it had before the move.
func (t *trial) givenBack(ctx context.Context) (Verdict, string) {
	for _, h := range []*host{t.source, t.dest} {
		if !h.alive() {
			continue
		}
		var p struct {
			Bandwidth int64 `json:"max-bandwidth"`
		}
		var caps []struct {
			Capability string
			State      bool
		}
		if err := errors.Join(h.monitor.Do(ctx, "query-migrate-parameters", nil, &p),
			h.monitor.Do(ctx, "query-migrate-capabilities", nil, &caps)); err != nil {
			return Left, "its settings could not be asked: " + err.Error()
		}
		on := false
		for _, c := range caps {
			on = on || c.State && (c.Capability == "postcopy-ram" || c.Capability == "return-path")
		}
		const bandwidth = 128 << 20 // QEMU's default
		if p.Bandwidth != bandwidth || on {
			return Left, fmt.Sprintf("host %s has max-bandwidth %d, and capabilities of the move are on: %v", h.side, p.Bandwidth, on)
		}
	}
	return Held, ""
}
