package faults

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"syscall"

	"github.com/klauspost/compress/zstd"

	"walm/lab/debian"
)

// Results is a file of results, one JSON object a line, each synced before the next trial begins.
type Results struct {
	mu   sync.Mutex
	file *os.File
	all  []Result
}

// OpenResults opens a results file, to be added to, and makes it where there is none. What a crash left of a last line is
// cut off.
func OpenResults(path string) (*Results, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open results: %w", err)
	}
	r := &Results{file: f}
	if err := r.open(); err != nil {
		return nil, errors.Join(fmt.Errorf("results %s: %w", path, err), f.Close())
	}
	return r, nil
}

func (r *Results) open() error {
	if err := syscall.Flock(int(r.file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return errors.New("another walm is adding to them: wait for it, or choose another file")
	}
	text, err := io.ReadAll(r.file)
	if err != nil {
		return err
	}
	whole := bytes.LastIndexByte(text, '\n') + 1
	if r.all, err = parse(text[:whole]); err != nil {
		return err
	}
	if err := r.file.Truncate(int64(whole)); err != nil {
		return err
	}
	_, err = r.file.Seek(int64(whole), io.SeekStart)
	return err
}

func parse(text []byte) (all []Result, err error) {
	n := 0
	for line := range bytes.Lines(text) {
		n++
		var one Result
		if err := json.Unmarshal(line, &one); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		all = append(all, one)
	}
	return all, nil
}

// ReadResults reads a results file, compressed with zstd or not.
func ReadResults(path string) ([]Result, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read results: %w", err)
	}
	if bytes.HasPrefix(text, []byte{0x28, 0xb5, 0x2f, 0xfd}) {
		d, err := zstd.NewReader(nil)
		if err != nil {
			return nil, err
		}
		defer d.Close()
		if text, err = d.DecodeAll(text, nil); err != nil {
			return nil, fmt.Errorf("read results %s: %w", path, err)
		}
	}
	all, err := parse(text)
	if err != nil {
		return nil, fmt.Errorf("read results %s: %w", path, err)
	}
	return all, nil
}

// Append adds a result and returns once it is on the disk.
func (r *Results) Append(one Result) error {
	line, err := json.Marshal(one)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, err := r.file.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("add to the results: %w", err)
	}
	r.all = append(r.all, one)
	return r.file.Sync()
}

// Results are those that are there.
func (r *Results) Results() []Result {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]Result(nil), r.all...)
}

// has says whether a trial has its result. One that did not come to its phase has tested nothing, and is made again.
func (r *Results) has(t Trial) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, x := range r.all {
		if x.Cell == t.Cell && x.Round == t.Round && x.QEMU == t.QEMU && x.Verdict != Missed {
			return true
		}
	}
	return false
}

// Close gives the file back.
func (r *Results) Close() error { return r.file.Close() }

// Trial is a cell that is to be made to happen.
type Trial struct {
	Cell
	Round int
	QEMU  debian.Suite
}
