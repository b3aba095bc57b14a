package faults

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"walm/hypervisor/qmp"
	"walm/lab/debian"
	"walm/lab/guest"
	"walm/lab/netlab"
)

// host is a QEMU on one side, with a monitor and a control port of the tester's own.
type host struct {
	side    netlab.Side
	base    string // of the names of its files
	pid     int
	ended   chan struct{}
	monitor *qmp.Conn
	guest   *listener
	proxy   *proxy // between walm and the QEMU; nil: none
	log     strings.Builder
	how     string // its process ended; before that: empty

	mu   sync.Mutex
	told func(qmp.Event) // of its events; nil: nobody
}

// tell has somebody told of the QEMU's events from now on.
func (h *host) tell(f func(qmp.Event)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.told = f
}

// hear takes the QEMU's events until its monitor closes.
func (h *host) hear() {
	for e := range h.monitor.Events() {
		h.mu.Lock()
		if h.told != nil {
			h.told(e)
		}
		h.mu.Unlock()
	}
}

// uri is how walm is told of it.
func (h *host) uri() string { return "qmp+unix://" + h.base + ".qmp" }

// launch starts a QEMU that waits for a migration, or boots.
func (b *Bench) launch(ctx context.Context, suite debian.Suite, side netlab.Side, incoming, proxied bool) (_ *host, err error) {
	h := &host{side: side, base: filepath.Join(b.dir, string(side)), ended: make(chan struct{})}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("start QEMU on host %s: %w; it said: %s", side, err, h.log.String()), h.end())
		}
	}()
	c := b.config(suite)
	c.QMP, c.Console, c.Control, c.Incoming = h.base+".qmp", h.base+".console", h.base+".control", incoming
	if proxied {
		c.QMP = h.base + ".behind"
	}
	program, err := b.spec.Cache.QEMU(ctx, suite, nil)
	if err != nil {
		return nil, err
	}
	line := append([]string{program.Binary}, program.Args...)
	line = append(append(line, c.Args()...), "-qmp", "unix:"+h.base+".monitor,server=on,wait=off",
		"-device", "pcie-root-port,id=plug,chassis=7")
	var files []*os.File
	if proxied {
		l, err := newProxy(h.base + ".behind")
		if err != nil {
			return nil, err
		}
		h.proxy = l
		line = append([]string{b.spec.Walm, "lab", "faults", "listen", h.base + ".qmp", "--"}, line...)
		files = append(files, l.handed)
	}
	cmd := exec.Command(line[0], line[1:]...)
	if proxied {
		cmd.Args[0] = "walm"
		cmd.ExtraFiles = files
	}
	cmd.Env = append(os.Environ(), program.Env...)
	cmd.Stdout, cmd.Stderr = &h.log, &h.log
	if err := b.start(b.net.Host(side).Namespace, cmd); err != nil {
		close(h.ended)
		return nil, err
	}
	h.pid = cmd.Process.Pid
	go func() {
		_ = cmd.Wait() // what it says is in the state
		h.how = cmd.ProcessState.String()
		close(h.ended)
	}()
	if h.monitor, err = h.dial(ctx, h.base+".monitor"); err != nil {
		return nil, err
	}
	go h.hear()
	port, err := guest.Dial(ctx, c.Control)
	if err != nil {
		return nil, err
	}
	h.guest = listen(port)
	if h.proxy != nil {
		return h, h.proxy.begin(ctx)
	}
	return h, nil
}

// dial connects as soon as there is somebody to talk to.
func (h *host) dial(ctx context.Context, path string) (*qmp.Conn, error) {
	for {
		c, err := qmp.Dial(ctx, path)
		if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ECONNREFUSED) {
			return c, err
		}
		select {
		case <-h.ended:
			return nil, errors.New("it ended at once")
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// alive says whether the process is there.
func (h *host) alive() bool {
	select {
	case <-h.ended:
		return false
	default:
		return true
	}
}

func (h *host) signal(s syscall.Signal) error {
	if !h.alive() {
		return nil
	}
	return syscall.Kill(h.pid, s)
}

// end kills the QEMU and removes its files.
func (h *host) end() error {
	if h == nil {
		return nil
	}
	if h.pid != 0 {
		_ = h.signal(syscall.SIGKILL)
		<-h.ended
	}
	if h.monitor != nil {
		h.monitor.Close()
	}
	if h.guest != nil {
		h.guest.close()
	}
	if h.proxy != nil {
		h.proxy.close()
	}
	var all []error
	for _, kind := range []string{".qmp", ".behind", ".monitor", ".console", ".control"} {
		if err := os.Remove(h.base + kind); err != nil && !errors.Is(err, fs.ErrNotExist) {
			all = append(all, err)
		}
	}
	return errors.Join(all...)
}
