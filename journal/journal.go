// Package journal is the append-only record of one VM's moves: intent before an act, outcome after it. Holding it open
// is also what keeps two walms from moving one VM.
package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
)

// Journal is the open journal of one VM. Its methods may be called at the same time.
type Journal struct {
	vm     string
	path   string
	lock   *os.File
	before Contents // what was there when it was opened

	mu   sync.Mutex
	file *os.File
	size int64  // up to the end of the last whole line
	seq  uint64 // of the last entry
	err  error  // why nothing can be written any more
}

// Open opens the journal of a VM in dir, or begins it, and holds it until Close or the end of the process. If another
// process holds it the error is an *ErrBusy. A journal that cannot be written to opens as well: what Append then says is
// for its caller to weigh, since a VM may have to be brought back all the same.
func Open(dir, vmID string) (*Journal, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the journal's folder: %w", err)
	}
	lock, err := hold(dir, vmID)
	if err != nil {
		return nil, err
	}
	j := &Journal{vm: vmID, path: Path(dir, vmID), lock: lock}
	if err := j.begin(); err != nil {
		lock.Close()
		return nil, fmt.Errorf("open the journal of VM %q: %w", vmID, err)
	}
	return j, nil
}

// begin reads what is there and readies the file for its next line.
func (j *Journal) begin() error {
	var err error
	_, missing := os.Stat(j.path)
	j.file, err = os.OpenFile(j.path, os.O_CREATE|os.O_RDWR, 0o600)
	if unwritable(err) {
		j.err = j.failed(err)
		j.file, err = os.Open(j.path)
	}
	switch {
	case j.err != nil && errors.Is(err, fs.ErrNotExist): // nothing was written, and nothing can be
		return nil
	case err != nil:
		return err
	}
	text, err := os.ReadFile(j.path)
	if err != nil {
		j.file.Close()
		return err
	}
	j.before = parse(text)
	j.size, j.seq = int64(len(text)), j.before.last
	if j.err == nil && errors.Is(missing, fs.ErrNotExist) {
		if err := syncDir(filepath.Dir(j.path)); err != nil {
			j.err = j.failed(err)
		}
	}
	return nil
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

func (j *Journal) failed(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		err = fmt.Errorf("%w: make room", err)
	}
	return fmt.Errorf("write the journal of VM %q (%s; --state-dir names another folder): %w", j.vm, j.path, err)
}

// Before is what the journal held when it was opened, and what of it could not be read.
func (j *Journal) Before() Contents { return j.before }

// Append writes an entry and returns once it is on the disk, with all that was noted before it.
func (j *Journal) Append(entry any) error { return j.write(entry, true) }

// Note writes an entry that outlives this process, and the host only once the next Append has returned.
func (j *Journal) Note(entry any) error { return j.write(entry, false) }

func (j *Journal) write(entry any, sync bool) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.err != nil {
		return j.err
	}
	line, err := encode(j.seq+1, entry)
	if err != nil {
		return fmt.Errorf("write the journal of VM %q: %w", j.vm, err)
	}
	if err := j.put(line); err != nil {
		return err
	}
	j.seq++
	if sync {
		if err := syscall.Fdatasync(int(j.file.Fd())); err != nil {
			// What the kernel could not write it may have forgotten, and the next sync would call it written.
			j.err = j.failed(err)
			return j.err
		}
	}
	return nil
}

// put adds a line. What a full disk has taken of one is taken away again, so that the journal can go on once there is room.
func (j *Journal) put(line []byte) error {
	if err := j.endLine(); err != nil {
		return err
	}
	if _, err := j.file.WriteAt(line, j.size); err != nil {
		err = j.failed(err)
		if cut := j.file.Truncate(j.size); cut != nil {
			j.err = err
		}
		return err
	}
	j.size += int64(len(line))
	return nil
}

// endLine ends a line that was torn by a crash, so that it is dropped alone.
func (j *Journal) endLine() error {
	if j.size == 0 {
		return nil
	}
	last := make([]byte, 1)
	if _, err := j.file.ReadAt(last, j.size-1); err != nil {
		return j.failed(err)
	}
	if last[0] == '\n' {
		return nil
	}
	if _, err := j.file.WriteAt([]byte("\n"), j.size); err != nil {
		return j.failed(err)
	}
	j.size++
	return nil
}

// Close ends the journal and lets go of the VM.
func (j *Journal) Close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.err == nil {
		j.err = fs.ErrClosed
	}
	var err error
	if j.file != nil {
		err = j.file.Close()
	}
	return errors.Join(err, j.lock.Close())
}

// Path is where the journal of a VM is.
func Path(dir, vmID string) string { return filepath.Join(dir, name(vmID)+suffix) }

const (
	prefix = "vm-"
	suffix = ".jsonl"
)

// name makes a file name of any id, a different one of every other.
func name(vmID string) string { return prefix + url.PathEscape(vmID) }

// List names the VMs that have a journal in dir.
func List(dir string) ([]string, error) {
	files, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look for journals: %w", err)
	}
	var all []string
	for _, f := range files {
		id, ok := strings.CutPrefix(strings.TrimSuffix(f.Name(), suffix), prefix)
		if !ok || !strings.HasSuffix(f.Name(), suffix) {
			continue
		}
		if id, err = url.PathUnescape(id); err == nil {
			all = append(all, id)
		}
	}
	return all, nil
}

// Read reads a journal that may be another process's.
func Read(path string) (Contents, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return Contents{}, fmt.Errorf("read the journal: %w", err)
	}
	return parse(text), nil
}
