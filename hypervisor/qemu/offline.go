package qemu

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"walm/vm"
)

// offline is the state of an offline migration: the VM's state goes into a file at the source's host, over the network
// into a file at the destination's, and from there into the destination. QEMU is given pipes, not files or commands:
// pipes work the same on every version, need no shell, and let walm count and pace what passes.
type offline struct {
	saved, copied string // the files
	rate          vm.Rate
	apart         bool // the files are on other hosts, see Courier
	ctx           context.Context
	cancel        context.CancelFunc
}

const folderPrefix = "walm-state-"

// newFolder names the folder of the next move's state file, the same until that has begun.
func (p *Pair) newFolder() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.folder == "" {
		p.folder = filepath.Join(cmp.Or(p.StateDir, os.TempDir()), folderPrefix+rand.Text())
	}
	return p.folder
}

func (p *Pair) prepareOffline(params vm.Params) error {
	if p.apart() {
		p.prepareApart()
		return nil
	}
	dir := p.newFolder()
	if err := os.Mkdir(dir, 0o700); err != nil {
		return fmt.Errorf("make a folder for the state file: %w", err)
	}
	ctx, cancel := context.WithCancel(p.ctx)
	p.mu.Lock()
	p.folder = ""
	p.offline = &offline{saved: filepath.Join(dir, "source.state"), copied: filepath.Join(dir, "destination.state"),
		rate: params.Bandwidth, ctx: ctx, cancel: cancel}
	p.mu.Unlock()
	p.undo.Later(func(context.Context) error {
		cancel()
		return os.RemoveAll(dir)
	})
	return nil
}

// offlineAct begins one of the three phases; its end arrives as vm.EventDone.
func (p *Pair) offlineAct(ctx context.Context, a vm.Act) error {
	p.mu.Lock()
	o := p.offline
	p.mu.Unlock()
	if o == nil {
		return errors.New("not prepared for an offline migration")
	}
	var phase func() error
	var err error
	switch a.Kind {
	case vm.ActSave:
		if p.CopyDisks {
			phase, err = p.saveWithDisks(ctx, o)
			break
		}
		phase, err = p.save(ctx, o)
	case vm.ActCopy:
		phase = func() error { return p.copy(o) }
	case vm.ActRestore:
		phase, err = p.restore(ctx, o)
	}
	if err != nil {
		return err
	}
	p.watchers.Go(func() {
		done := vm.Event{Kind: vm.EventDone, Act: a}
		if err := phase(); err != nil {
			done.Err = fmt.Sprintf("%s: %v", a.Kind, err)
		}
		done.At = time.Now()
		p.backlog.Add(done)
	})
	return nil
}

// save has the source write its state into a pipe, and the pipe into the file.
func (p *Pair) save(ctx context.Context, o *offline) (func() error, error) {
	if o.apart {
		return p.saveApart(ctx, o)
	}
	file, err := os.OpenFile(o.saved, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	r, err := p.Source.pipe(ctx, false, func(uri string) error {
		return p.Source.conn.Do(ctx, "migrate", map[string]string{"uri": uri}, nil)
	})
	if err != nil {
		file.Close()
		return nil, err
	}
	return func() error {
		defer r.Close()
		stop := context.AfterFunc(o.ctx, func() { r.Close() })
		defer stop()
		_, err := io.Copy(file, r)
		err = errors.Join(err, file.Close())
		if err != nil {
			return err
		}
		return p.Source.settled(o.ctx)
	}, nil
}

// saveWithDisks copies the disks of the stopped VM before it saves its state: afterwards QEMU no longer opens them.
func (p *Pair) saveWithDisks(ctx context.Context, o *offline) (func() error, error) {
	drives, err := p.drives(ctx)
	if err != nil {
		return nil, err
	}
	return func() error {
		err := p.catchUp(o.ctx, drives, o.rate)
		ctx, cancel := context.WithTimeout(context.WithoutCancel(o.ctx), patience)
		defer cancel()
		if err == nil {
			err = p.finishDrives(ctx, drives)
		}
		if err != nil {
			return errors.Join(err, p.closeDrives(ctx, drives))
		}
		p.copied(drives)
		save, err := p.save(ctx, o)
		if err != nil {
			return err
		}
		return save()
	}, nil
}

// restore has the destination read its state from a pipe that the file goes into. It ends once the VM stands there,
// stopped as it was when it was saved.
func (p *Pair) restore(ctx context.Context, o *offline) (func() error, error) {
	if o.apart {
		return p.restoreApart(ctx, o)
	}
	file, err := os.Open(o.copied)
	if err != nil {
		return nil, err
	}
	w, err := p.Destination.pipe(ctx, true, func(uri string) error { return p.Destination.incoming(ctx, uri) })
	if err != nil {
		file.Close()
		return nil, err
	}
	return func() error {
		defer file.Close()
		stop := context.AfterFunc(o.ctx, func() { w.Close() })
		defer stop()
		_, err := io.Copy(w, file)
		err = errors.Join(err, w.Close())
		ctx := o.ctx
		if err != nil { // a pipe that breaks says nothing; why it did, QEMU may
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, patience)
			defer cancel()
		}
		return errors.Join(p.Destination.settled(ctx), err)
	}, nil
}

// pipe gives QEMU one end of a pipe, has begin begin the migration on it, and returns the other end.
func (v *VM) pipe(ctx context.Context, write bool, begin func(uri string) error) (*os.File, error) {
	const name = "walm-state"
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	ours, theirs := r, w
	if write {
		ours, theirs = w, r
	}
	defer theirs.Close()
	enlarge(ours)
	err = v.conn.DoFD(ctx, "getfd", map[string]string{"fdname": name}, nil, theirs)
	if err == nil {
		err = begin("fd:" + name)
	}
	if err != nil {
		ours.Close()
		return nil, err
	}
	return ours, nil
}

// enlarge makes a pipe hold more, which halves the wake-ups; where the limit forbids it the default works too. File.Fd
// would make the file blocking, so that closing it could not end a read that waits.
func enlarge(pipe *os.File) {
	if raw, err := pipe.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { _, _ = unix.FcntlInt(fd, unix.F_SETPIPE_SZ, int(vm.MiB)) })
	}
}

// settled waits until the migration of this end is over, and is an error unless it completed.
func (v *VM) settled(ctx context.Context) error {
	var m migration
	err := v.wait(ctx, func(last migration) bool {
		m = last
		return m.Status != vm.StatusNone && !m.active() // none: it has not begun to read yet
	})
	if err == nil && m.Status != vm.StatusCompleted {
		err = fmt.Errorf("QEMU says %s: %s", m.Status, m.ErrorDesc)
	}
	return err
}

// copy sends the file from the source's network namespace to a listener in the destination's.
func (p *Pair) copy(o *offline) error {
	if o.apart {
		return p.Courier.Copy(o.ctx)
	}
	file, err := os.Open(o.saved)
	if err != nil {
		return err
	}
	defer file.Close()
	to, err := os.OpenFile(o.copied, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	out, in, err := p.path().Connect(o.ctx, p.Listen)
	if err != nil {
		to.Close()
		return err
	}
	stop := context.AfterFunc(o.ctx, func() { out.Close(); in.Close() })
	defer stop()
	received := make(chan error, 1)
	go func() {
		_, err := io.Copy(to, in)
		received <- errors.Join(err, in.Close(), to.Close())
	}()
	_, err = io.Copy(out, paced(file, o.rate))
	err = errors.Join(err, out.(*net.TCPConn).CloseWrite())
	return errors.Join(err, <-received, out.Close())
}
