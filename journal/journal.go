// Package journal is the append-only record of one VM's moves: intent before an act, outcome after it. Holding it open
// is also what keeps two walms from moving one VM.
package journal

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// ErrBusy says that another process holds the VM's journal.
type ErrBusy struct {
	VM  string
	PID int // of the holder; 0 where it has not written it yet
}

func (e *ErrBusy) Error() string {
	return fmt.Sprintf("the VM %q is being moved by process %d: wait until it has ended", e.VM, e.PID)
}

// Journal is the open journal of one VM. Its methods may be called at the same time.
type Journal struct {
	mu   sync.Mutex
	file *os.File
	lock *os.File
	err  error // the first failed write: what follows a torn line would be lost with it
}

// Open opens the journal of a VM in dir, or begins it, and holds it until Close or the end of the process. If another
// process holds it the error is an *ErrBusy. A line that was torn by a crash is ended first, so that Read drops it alone.
func Open(dir, vmID string) (*Journal, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the journal's folder: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(dir, name(vmID)+".lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the lock of VM %q: %w", vmID, err)
	}
	// The lock file stays: were it removed, two processes could each lock a file of that name.
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		defer lock.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			text, _ := os.ReadFile(lock.Name())
			pid, _ := strconv.Atoi(strings.TrimSpace(string(text)))
			return nil, &ErrBusy{VM: vmID, PID: pid}
		}
		return nil, fmt.Errorf("lock VM %q: %w", vmID, err)
	}
	file, err := begin(lock, Path(dir, vmID))
	if err != nil {
		lock.Close()
		return nil, fmt.Errorf("open the journal of VM %q: %w", vmID, err)
	}
	return &Journal{file: file, lock: lock}, nil
}

// begin names the holder in the lock file and readies the journal for its next line.
func begin(lock *os.File, path string) (*os.File, error) {
	if err := lock.Truncate(0); err != nil {
		return nil, err
	}
	if _, err := lock.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	err = errors.Join(endLine(file), syncDir(filepath.Dir(path)))
	if err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}

func endLine(file *os.File) error {
	info, err := file.Stat()
	if err != nil || info.Size() == 0 {
		return err
	}
	last := make([]byte, 1)
	if _, err := file.ReadAt(last, info.Size()-1); err != nil || last[0] == '\n' {
		return err
	}
	_, err = file.Write([]byte("\n"))
	return err
}

// syncDir makes a new file's name last.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// Append writes an entry as one line of JSON and returns once it is on the disk. After a failure it takes no more.
func (j *Journal) Append(entry any) error {
	line, err := json.Marshal(entry)
	if err != nil {
		return fmt.Errorf("write the journal: %w", err)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.err != nil {
		return j.err
	}
	if _, err = j.file.Write(append(line, '\n')); err == nil {
		err = j.file.Sync()
	}
	if err != nil {
		j.err = fmt.Errorf("write the journal: %w", err)
	}
	return j.err
}

// Close ends the journal and lets go of the VM.
func (j *Journal) Close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.err == nil {
		j.err = fs.ErrClosed
	}
	return errors.Join(j.file.Close(), j.lock.Close())
}

// Path is where the journal of a VM is.
func Path(dir, vmID string) string { return filepath.Join(dir, name(vmID)+".jsonl") }

// name makes a file name of any id, a different one of every other.
func name(vmID string) string { return "vm-" + url.PathEscape(vmID) }

// Read reads a journal's entries. A line that is no JSON was torn by a crash; it is left out and told in dropped.
func Read(path string) (entries []json.RawMessage, dropped []string, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, fmt.Errorf("read the journal: %w", err)
	}
	entries, dropped = parse(text)
	return entries, dropped, nil
}

func parse(text []byte) (entries []json.RawMessage, dropped []string) {
	n := 0
	for line := range bytes.Lines(text) {
		n++
		body := bytes.TrimSuffix(line, []byte("\n"))
		switch {
		case len(bytes.TrimSpace(body)) == 0:
		case len(body) == len(line): // whole lines end with a newline: even valid JSON may lack its end
			dropped = append(dropped, fmt.Sprintf("line %d, torn: %.80q", n, body))
		case !json.Valid(body):
			dropped = append(dropped, fmt.Sprintf("line %d, not JSON: %.80q", n, body))
		default:
			entries = append(entries, json.RawMessage(bytes.Clone(body)))
		}
	}
	return entries, dropped
}
