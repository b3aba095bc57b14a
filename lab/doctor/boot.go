package doctor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"walm/hypervisor/qemu"
	"walm/lab/debian"
	"walm/lab/guest"
	"walm/lab/guest/wire"
)

// attempt is one try to boot the lab's guest.
type attempt struct {
	cpu   string
	after time.Duration // from the start of QEMU to the guest's first word, or to the end of waiting for it
	err   error         // why there was none: errEnded, a timeout, or what kept it from being tried
	said  string        // by QEMU and on the guest's console
}

func (a attempt) String() string {
	switch {
	case a.err == nil:
		return fmt.Sprintf("-cpu %s: up after %v", a.cpu, round(a.after))
	case errors.Is(a.err, context.DeadlineExceeded):
		return fmt.Sprintf("-cpu %s: not a word from the guest in %v", a.cpu, round(a.after))
	case errors.Is(a.err, errEnded):
		return fmt.Sprintf("-cpu %s: QEMU ended after %v: %s", a.cpu, round(a.after), a.said)
	}
	return fmt.Sprintf("-cpu %s: %v", a.cpu, a.err)
}

func round(d time.Duration) time.Duration { return d.Round(10 * time.Millisecond) }

// trier boots guests in a folder of its own.
type trier struct {
	dir    string
	kernel debian.Kernel
}

func newTrier(kernel debian.Kernel) (t trier, err error) {
	t.kernel = kernel
	if t.dir, err = os.MkdirTemp("", "walm-doctor-"); err != nil {
		return t, err
	}
	f, err := os.Create(t.initrd())
	if err == nil {
		err = errors.Join(guest.Image(kernel.Modules, f), f.Close())
	}
	if err != nil {
		return t, errors.Join(err, t.close())
	}
	return t, nil
}

func (t trier) initrd() string { return filepath.Join(t.dir, "initrd") }
func (t trier) close() error   { return os.RemoveAll(t.dir) }

// boot starts a guest, waits at most limit for its first word, and ends it.
func (t trier) boot(ctx context.Context, p program, accelerator, cpu string, limit time.Duration) (a attempt) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	dir, err := os.MkdirTemp(t.dir, "")
	if err != nil {
		return attempt{cpu: cpu, err: err}
	}
	config := qemu.Config{
		Name: "walm-doctor", Machine: "q35", Accelerator: accelerator, CPU: cpu, RAM: guest.Needs(guest.Workload{}), VCPUs: 1,
		Kernel: t.kernel.Image, Initrd: t.initrd(), Append: guest.CommandLine("", guest.Workload{}),
		QMP: filepath.Join(dir, "qmp"), Console: filepath.Join(dir, "console"), Control: filepath.Join(dir, "control"),
	}
	began := time.Now()
	a = attempt{cpu: cpu}
	c, err := launch(p, config.Args(), filepath.Join(dir, "log"))
	if err != nil {
		a.err = err
		return a
	}
	a.err = hear(ctx, c, config.Control)
	a.after = time.Since(began)
	if err := c.end(); err != nil { // worse than anything that was to be found out
		a.err = err
	}
	a.said = said(filepath.Join(dir, "log"))
	if text, err := os.ReadFile(config.Console); err == nil && len(text) > 0 {
		a.said += "; the console: " + said(config.Console)
	}
	return a
}

// hear waits for the first word of the guest behind a control port.
func hear(ctx context.Context, c *child, socket string) error {
	var port *guest.Control
	if err := c.reach(ctx, func() (err error) {
		port, err = guest.Dial(ctx, socket)
		return err
	}); err != nil {
		return err
	}
	defer port.Close()
	for {
		select {
		case m, open := <-port.Messages():
			switch {
			case !open:
				return errEnded
			case m.Kind == wire.Hello:
				return nil
			}
		case <-c.ended:
			return errEnded
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
