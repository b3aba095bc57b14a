package journal

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	// room is more than a migration writes: 5 to 30 KiB, a line at every act and every change of state.
	room = 128 << 10
	// longEnough is where a journal is made shorter: below, writing it anew would cost more than it frees.
	longEnough = 256 << 10
)

// Reserve takes the room that a migration's entries need off the disk now, so that a disk that fills up meanwhile does not
// end it half way. An error means that nothing should be begun. File systems that keep no room for a file are taken as they
// are.
func (j *Journal) Reserve() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.err != nil {
		return j.err
	}
	err := unix.Fallocate(int(j.file.Fd()), unix.FALLOC_FL_KEEP_SIZE, j.size, room)
	if errors.Is(err, syscall.EOPNOTSUPP) || errors.Is(err, syscall.ENOSYS) {
		return nil
	}
	if err != nil {
		return j.failed(fmt.Errorf("reserve %d KiB: %w", room>>10, err))
	}
	return nil
}

// Shorten writes the journal anew, with nothing but these entries of those that it had, if it has become long. It is there
// whole at every instant, the old or the new one. Failing to is no reason not to go on.
func (j *Journal) Shorten(keep []json.RawMessage) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.err != nil || j.size < longEnough {
		return j.err
	}
	fail := func(err error) error { return fmt.Errorf("shorten the journal of VM %q: %w", j.vm, err) }
	var text []byte
	seq := j.seq
	for _, e := range keep {
		seq++
		line, err := encode(seq, e)
		if err != nil {
			return fail(err)
		}
		text = append(text, line...)
	}
	anew := j.path + ".new" // of one that died meanwhile: the lock is held, nobody else writes it
	file, err := os.OpenFile(anew, os.O_CREATE|os.O_RDWR|os.O_TRUNC, 0o600)
	if err != nil {
		return fail(err)
	}
	_, err = file.WriteAt(text, 0)
	if err == nil {
		err = file.Sync()
	}
	if err == nil {
		err = os.Rename(anew, j.path)
	}
	if err != nil {
		return fail(errors.Join(err, file.Close(), os.Remove(anew)))
	}
	err = errors.Join(j.file.Close(), syncDir(filepath.Dir(j.path)))
	j.file, j.size, j.seq = file, int64(len(text)), seq
	if err != nil {
		return fail(err)
	}
	return nil
}
