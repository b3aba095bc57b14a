package qemu

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"walm/hypervisor/qmp"
	"walm/internal/procfs"
	"walm/vm"
)

// VM is one QEMU process, reached by its QMP socket.
type VM struct {
	Features
	Path string // of the QMP socket
	conn *qmp.Conn
	born uint64 // when its process began (procfs.Started), 0 where that is not known
	// Of a QEMU that is another host's and that Path leads to, no process here is its own, and its clock is not this one.
	clock clock
}

// Scheme is how a QEMU process is named on the command line: qmp+unix:///run/a.qmp.
const Scheme = "qmp+unix://"

// patience bounds what a healthy QEMU answers at once. One that is stopped (SIGSTOP) or hangs never does.
const patience = 10 * time.Second

// ParseURI gives the socket's path of a qmp+unix URI.
func ParseURI(uri string) (string, error) {
	path, ok := strings.CutPrefix(uri, Scheme)
	if !ok || !strings.HasPrefix(path, "/") {
		return "", fmt.Errorf("%q does not name a VM: write %s/path/of/the/socket", uri, Scheme)
	}
	return path, nil
}

// farPatience bounds the same of another host's QEMU, whose description of itself alone, 200 KB, comes a long way.
const farPatience = time.Minute

// Open connects to the QMP socket at path and finds out what is there.
func Open(ctx context.Context, path string) (*VM, error) { return open(ctx, path, patience) }

func open(ctx context.Context, path string, patience time.Duration) (*VM, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	c, err := qmp.Dial(ctx, path)
	if err != nil {
		return nil, explain(path, err)
	}
	f, err := probe(ctx, c)
	if err != nil {
		c.Close()
		return nil, explain(path, err)
	}
	v := &VM{Features: f, Path: path, conn: c, clock: clock{forwarded: forwards(c.Peer())}}
	v.born, _ = procfs.Started(v.PID()) // a process that is another user's tells it too; one that is gone is found to be
	return v, nil
}

// OpenForwarded connects to the QMP socket of a QEMU on another host, which path leads to.
func OpenForwarded(ctx context.Context, path string) (*VM, error) {
	v, err := open(ctx, path, farPatience)
	if err == nil {
		v.clock.forwarded, v.born = true, 0
	}
	return v, err
}

// Done is closed when the connection is gone.
func (v *VM) Done() <-chan struct{} { return v.conn.Done() }

// explain adds to an error what a user can do about it, where it does not say so itself.
func explain(path string, err error) error {
	switch {
	case errors.Is(err, qmp.ErrNotQMP):
		return fmt.Errorf("reach the VM at %s: %w; give the socket of QEMU's -qmp option", path, err)
	case errors.Is(err, qmp.ErrUnanswered) && errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("reach the VM at %s: %w; its QEMU answered before and is now stopped or hangs", path, err)
	}
	return fmt.Errorf("reach the VM at %s: %w", path, err) // qmp.Dial says what to do
}

// Close ends the connection; the VM goes on.
func (v *VM) Close() error { return v.conn.Close() }

// PID is the QEMU process, 0 where it is not known.
func (v *VM) PID() int {
	if v.clock.forwarded {
		return 0
	}
	return v.conn.Peer()
}

// RunState asks whether the VM runs.
func (v *VM) RunState(ctx context.Context) (vm.RunState, error) {
	var s struct{ Status vm.RunState }
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err := v.conn.Do(ctx, "query-status", nil, &s)
	return s.Status, err
}

// hmp runs a command of the human monitor, for what QMP does not tell.
func (v *VM) hmp(ctx context.Context, line string) (string, error) {
	var out string
	err := v.conn.Do(ctx, "human-monitor-command", map[string]string{"command-line": line}, &out)
	return strings.TrimSpace(out), err
}

// Layout says where the VM's memory, vCPU threads and taps are on this host.
func (v *VM) Layout(ctx context.Context) (vm.Layout, error) {
	l := vm.Layout{PID: v.PID()}
	var size struct {
		Base vm.Bytes `json:"base-memory"`
	}
	if err := v.conn.Do(ctx, "query-memory-size-summary", nil, &size); err != nil {
		return l, err
	}
	var dimms []struct {
		Data struct {
			Addr, MemAddr uint64 // the latter of virtio-mem
			Size          vm.Bytes
		}
	}
	if err := v.conn.Do(ctx, "query-memory-devices", nil, &dimms); err != nil {
		return l, err
	}
	blocks := []vm.Block{{Size: size.Base}}
	for _, d := range dimms {
		blocks = append(blocks, vm.Block{GuestAddr: max(d.Data.Addr, d.Data.MemAddr), Size: d.Data.Size})
	}
	for _, b := range blocks {
		out, err := v.hmp(ctx, fmt.Sprintf("gpa2hva 0x%x", b.GuestAddr))
		if err != nil {
			return l, err
		}
		var ok bool
		if b.HostAddr, ok = hostAddr(out); !ok {
			return l, fmt.Errorf("find the VM's memory at guest address %#x: QEMU answered %q", b.GuestAddr, out)
		}
		l.Blocks = append(l.Blocks, b)
	}
	var cpus []struct {
		Thread int `json:"thread-id"`
	}
	if err := v.conn.Do(ctx, "query-cpus-fast", nil, &cpus); err != nil {
		return l, err
	}
	for _, c := range cpus {
		l.VCPUs = append(l.VCPUs, c.Thread)
	}
	l.Taps = procfs.Taps(l.PID)
	return l, nil
}

// hostAddr reads "Host virtual address for 0x0 (pc.ram) is 0x7f0000000000". What it begins is one mapping also where the
// guest sees it in two pieces, below and above the hole under 4 GiB.
func hostAddr(answer string) (uint64, bool) {
	const is = " is 0x"
	i := strings.LastIndex(answer, is)
	if i < 0 { // "No memory is mapped at address 0x0"
		return 0, false
	}
	addr, err := strconv.ParseUint(answer[i+len(is):], 16, 64)
	return addr, err == nil
}

// MemorySize is the guest's RAM.
func (v *VM) MemorySize(context.Context) (vm.Bytes, error) { return v.RAM, nil }
