package lab

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"walm/hypervisor/qemu"
	"walm/lab/guest"
	"walm/lab/netlab"
	"walm/lab/process"
	"walm/lab/storage"
)

// machine is one QEMU process on a host, with its guest's control port.
type machine struct {
	host    netlab.Side
	base    string // of the names of its files
	process process.Process
	qmp     string
	image   storage.Image // where the disk is on the host itself
	vm      *qemu.VM
	port    *guest.Control
	ended   <-chan struct{}          // closed when the process is gone
	kill    func() error             // returns once it is gone; nil: it was never started
	text    func(kind string) string // the end of what it wrote: ".log", ".console"
}

// launch starts a QEMU on a host and connects to it.
func (l *Lab) launch(ctx context.Context, host netlab.Side, incoming bool) (_ *machine, err error) {
	l.launched++
	base := filepath.Join(l.state.dir(), fmt.Sprintf("%s%d", host, l.launched))
	m := &machine{host: host, base: base, qmp: base + ".qmp"}
	c := l.config
	c.Incoming = incoming
	if c.Disk, err = l.attach(ctx, m, incoming); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, m.end())
		}
	}()
	if err := l.site.begin(ctx, m, c); err != nil {
		said := ""
		if m.text != nil {
			said = m.text(".log")
		}
		return nil, fmt.Errorf("start QEMU on host %s: %w; it said: %s", host, err, said)
	}
	if m.port, err = guest.Dial(ctx, m.control()); err != nil {
		return nil, err
	}
	l.guest.listen(m)
	return m, nil
}

// start starts a process of the lab's in a namespace (none: this machine's own), and closes ended when it has been waited for.
func (l *Lab) start(namespace string, cmd *exec.Cmd) (ended chan struct{}, err error) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	// A process group of its own, so that Ctrl-C reaches walm alone, which then decides what happens to the VM.
	cmd.SysProcAttr.Setpgid = true
	if !l.state.Kept {
		cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	}
	if err := l.launcher.do(func() error {
		if namespace == "" {
			return cmd.Start()
		}
		return netlab.Do(namespace, cmd.Start)
	}); err != nil {
		return nil, err
	}
	ended = make(chan struct{})
	go func() {
		_ = cmd.Wait() // its status says nothing that the console and the log do not
		close(ended)
	}()
	gone := func(p process.Process) bool { return !p.Alive() }
	l.state.Processes = append(slices.DeleteFunc(l.state.Processes, gone), process.Identify(cmd.Process.Pid))
	return ended, l.state.save()
}

// open connects to the QMP socket as soon as there is one that is listened on: the two do not happen at once.
func (m *machine) open(ctx context.Context) (err error) {
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		m.vm, err = qemu.Open(ctx, m.qmp)
		if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ECONNREFUSED) {
			return err
		}
		select {
		case <-m.ended:
			return errors.New("it ended at once")
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// end kills the QEMU, closes what leads to it and removes its files.
func (m *machine) end() error {
	if m == nil {
		return nil
	}
	var err error
	if m.kill != nil {
		err = m.kill()
	}
	if m.vm != nil {
		m.vm.Close()
	}
	if m.port != nil {
		m.port.Close()
	}
	files := []string{m.base + ".qmp", m.base + ".control", m.base + ".console", m.base + ".log"}
	if m.image.Path != "" {
		files = append(files, m.image.Path)
	}
	for _, name := range files {
		if gone := os.Remove(name); !errors.Is(gone, fs.ErrNotExist) {
			err = errors.Join(err, gone)
		}
	}
	return err
}

// control is the socket of the guest's control port.
func (m *machine) control() string { return m.base + ".control" }

func tail(text []byte) string {
	const most = 2000
	if len(text) > most {
		text = text[len(text)-most:]
	}
	return string(text)
}
