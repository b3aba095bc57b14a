package lab

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"walm/lab/netlab"
	"walm/lab/process"
)

// runDir holds a folder per lab that is up: sockets, consoles and its state.
const runDir = "/run/walm/lab"

// State is what is on disk of a lab, for the next walm to find.
type State struct {
	ID        string
	Owner     process.Process // the walm that made it
	Kept      bool            // stays up without its owner
	Made      time.Time
	QEMU      string
	Workload  string
	Disks     string                 `json:",omitempty"` // folder of the guest's disk
	Folders   []Folder               `json:",omitempty"` // on real hosts
	Processes []process.Process      // every process that was started
	Running   netlab.Side            // the host that the VM runs on, "a" or "b"
	Sockets   map[netlab.Side]string `json:",omitempty"` // QMP sockets by host
}

func (s State) dir() string { return filepath.Join(runDir, s.ID) }

func (s State) save() error {
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	path := filepath.Join(s.dir(), "lab.json")
	if err := os.WriteFile(path+".new", b, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// remove takes down all that the state names. It can be done again.
func (s State) remove() error {
	var all []error
	for _, f := range s.Folders {
		if err := f.remove(); err != nil {
			// What is known of the host stays, for the next walm to try.
			return fmt.Errorf("clear host %s: %w; to forget what is there, remove %s", f.Target, err, s.dir())
		}
	}
	for _, p := range s.Processes {
		all = append(all, p.End())
	}
	all = append(all, netlab.Remove(s.ID))
	if s.Disks != "" {
		all = append(all, os.RemoveAll(s.Disks))
	}
	all = append(all, os.RemoveAll(s.dir()))
	return errors.Join(all...)
}

// List gives the labs on this machine.
func List() ([]State, error) {
	entries, err := os.ReadDir(runDir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var all []State
	for _, e := range entries {
		s := State{ID: e.Name()}
		if b, err := os.ReadFile(filepath.Join(runDir, e.Name(), "lab.json")); err == nil {
			if err := json.Unmarshal(b, &s); err != nil {
				s = State{ID: e.Name()} // torn by a crash: what is named after it is removed all the same
			}
		}
		all = append(all, s)
	}
	return all, nil
}

// Up says whether the lab belongs to somebody: its owner lives, or it was kept, or it is being made and has no state yet.
func (s State) Up() bool {
	return s.Kept || s.Owner.Alive() || s.Owner == process.Process{} && making(s.ID)
}

var labID = regexp.MustCompile(`^[0-9a-f]{4}x[0-9]+$`)

// making says whether the walm lives that an id ends in the pid of: what it has only begun is not for others to clear.
func making(id string) bool {
	_, owner, _ := strings.Cut(id, "x")
	pid, err := strconv.Atoi(owner)
	return err == nil && process.Identify(pid).Alive()
}

// Forget removes what is here of a lab on hosts that are off for good, and with them all that it had there.
func (s State) Forget() error {
	s.Folders = nil
	return s.remove()
}

// on says whether the lab has a folder on one of the hosts, or has none anywhere.
func (s State) on(targets []string) bool {
	return len(s.Folders) == 0 || slices.ContainsFunc(s.Folders, func(f Folder) bool { return slices.Contains(targets, f.Target) })
}

// Reap removes what labs have left behind whose walm was killed, and says which. Of labs on real hosts it clears those that
// were on one of targets: a host that is off must not stand against labs elsewhere.
func Reap(targets ...string) ([]string, error) {
	states, err := List()
	if err != nil {
		return nil, err
	}
	var gone, up []string
	var all []error
	for _, s := range states {
		if s.Up() {
			up = append(up, s.ID)
			continue
		}
		if !s.on(targets) {
			continue
		}
		gone = append(gone, s.ID)
		all = append(all, s.remove())
	}
	ids, err := netlab.Remains()
	all = append(all, err)
	for _, id := range ids {
		// Others that netlab made are not a lab's.
		if !labID.MatchString(id) || slices.Contains(up, id) || slices.Contains(gone, id) || making(id) {
			continue
		}
		gone = append(gone, id)
		all = append(all, netlab.Remove(id))
	}
	return gone, errors.Join(all...)
}

// Remove takes a lab down, whoever made it.
func Remove(id string) error {
	states, err := List()
	if err != nil {
		return err
	}
	for _, s := range states {
		if s.ID == id {
			return s.remove()
		}
	}
	return fmt.Errorf("no lab %q on this machine: walm lab status lists them", id)
}
