package doctor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"walm/hypervisor/qmp"
)

// answers is what a QEMU without a machine says of itself.
type answers struct {
	version      qmp.Version
	capabilities []string
	noTCG        bool
}

// launch starts p with args. Its standard error goes to the file log.
func launch(p program, args []string, log string) (*child, error) {
	f, err := os.Create(log)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	cmd := exec.Command(p.Binary, append(append([]string{}, p.Args...), args...)...)
	cmd.Env = append(os.Environ(), p.Env...)
	cmd.Stdout, cmd.Stderr = f, f
	return start(cmd)
}

// ask starts p without a machine and asks it. Under -machine none no vCPU runs, so that it works without any KVM.
func ask(ctx context.Context, p program) (a answers, err error) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	dir, err := os.MkdirTemp("", "walm-doctor-")
	if err != nil {
		return a, err
	}
	defer os.RemoveAll(dir)
	socket, log := filepath.Join(dir, "qmp"), filepath.Join(dir, "log")
	// The second accelerator is for builds that have only that one, as qemu-kvm of Red Hat.
	c, err := launch(p, []string{"-machine", "none", "-nodefaults", "-no-user-config", "-display", "none", "-S",
		"-accel", "tcg", "-accel", "kvm", "-qmp", "unix:" + socket + ",server=on,wait=off"}, log)
	if err != nil {
		return a, err
	}
	defer func() {
		err = errors.Join(err, c.end())
		if err != nil {
			err = fmt.Errorf("%w; it said: %s", err, said(log))
		}
	}()
	var conn *qmp.Conn
	if err := c.reach(ctx, func() (err error) {
		conn, err = qmp.Dial(ctx, socket)
		return err
	}); err != nil {
		return a, err
	}
	defer conn.Close()
	a.version = conn.Version()
	var list []struct{ Capability string }
	if err := conn.Do(ctx, "query-migrate-capabilities", nil, &list); err != nil {
		return a, err
	}
	for _, x := range list {
		a.capabilities = append(a.capabilities, x.Capability)
	}
	var kvm struct{ Enabled bool }
	err = conn.Do(ctx, "query-kvm", nil, &kvm)
	a.noTCG = kvm.Enabled
	return a, err
}

// said is what a QEMU wrote on its standard error, at most some lines of it, as one.
func said(log string) string {
	text, err := os.ReadFile(log)
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	switch {
	case err != nil:
		return err.Error()
	case lines[0] == "":
		return "nothing"
	case len(lines) > 4:
		lines = lines[len(lines)-4:]
	}
	return strings.Join(lines, " | ")
}
