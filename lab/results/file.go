package results

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"

	"github.com/klauspost/compress/zstd"
)

// Version is the version of the file format.
const Version = 1

// File is a results file that trials are added to.
type File struct {
	file *os.File
	done map[int]bool
	Set  Set // what is in it
}

// Open opens the results of h's plan at path, to be added to, and makes the file where there is none. It refuses
// results of another plan and whatever else is there. What a crash left of a last line is cut off.
func Open(path string, h Header) (*File, error) {
	h.Walm = Version
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open results: %w", err)
	}
	r := &File{file: f, done: map[int]bool{}}
	if err := r.open(h); err != nil {
		return nil, errors.Join(fmt.Errorf("results %s: %w", path, err), f.Close())
	}
	for _, t := range r.Set.Trials {
		r.done[t.N] = true
	}
	return r, nil
}

func (f *File) open(h Header) error {
	if err := syscall.Flock(int(f.file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return errors.New("another walm is adding to them: wait for it, or choose another file")
	}
	text, err := io.ReadAll(f.file)
	if err != nil {
		return err
	}
	if compressed(text) {
		return errors.New("they are compressed, and nothing can be added to them: unzstd them first, or choose another file")
	}
	whole := bytes.LastIndexByte(text, '\n') + 1
	if whole == 0 && bytes.HasPrefix([]byte(beginning), text[:min(len(text), len(beginning))]) {
		// Nothing, or a header that was torn: no trial was run yet.
		if err := f.file.Truncate(0); err != nil {
			return err
		}
		f.Set.Header = h
		return errors.Join(f.write(h, 0), f.keepName())
	}
	if f.Set, err = Read(bytes.NewReader(text[:whole])); err != nil {
		return fmt.Errorf("%w; choose another file", err)
	}
	if f.Set.Header.Walm == 0 {
		return errors.New("their header is damaged, and what they are of cannot be told: choose another file")
	}
	if f.Set.Header.Plan != h.Plan {
		return fmt.Errorf("they are of another plan (%s, seed %d): remove or rename the file, or choose another",
			f.Set.Header.Name, f.Set.Header.Seed)
	}
	if err := f.file.Truncate(int64(whole)); err != nil {
		return err
	}
	_, err = f.file.Seek(int64(whole), io.SeekStart)
	return err
}

// keepName has the folder keep the new file's name through a loss of power.
func (f *File) keepName() error {
	dir, err := os.Open(filepath.Dir(f.file.Name()))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// Done says whether a trial's result is there.
func (f *File) Done(n int) bool { return f.done[n] }

// Append adds a trial and returns once it is on the disk.
func (f *File) Append(t Trial) error {
	at, err := f.file.Seek(0, io.SeekCurrent)
	if err != nil {
		return fmt.Errorf("add trial %d to the results: %w", t.N, err)
	}
	if err := f.write(t, at); err != nil {
		return fmt.Errorf("add trial %d to the results: %w", t.N, err)
	}
	f.Set.Trials = append(f.Set.Trials, t)
	f.done[t.N] = true
	return nil
}

// write adds a line at offset at; what of it does not fit on the disk is taken back.
func (f *File) write(v any, at int64) error {
	text, err := encode(v)
	if err != nil {
		return err
	}
	if _, err = f.file.WriteAt(text, at); err == nil {
		err = f.file.Sync()
	}
	if err != nil {
		return errors.Join(err, f.file.Truncate(at))
	}
	_, err = f.file.Seek(at+int64(len(text)), io.SeekStart)
	return err
}

// Close gives the file back.
func (f *File) Close() error { return f.file.Close() }

// Compress writes a finished results file with zstd. The same results give the same bytes.
func Compress(from, to string) error {
	text, err := os.ReadFile(from)
	if err != nil {
		return fmt.Errorf("compress results: %w", err)
	}
	z, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedBestCompression), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return err
	}
	defer z.Close()
	if err := os.WriteFile(to, z.EncodeAll(text, nil), 0o644); err != nil {
		return fmt.Errorf("compress results: %w", err)
	}
	return nil
}
