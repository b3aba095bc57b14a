package doctor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"walm/observe"
	"walm/vm"
)

// observing looks at a child with the same code that looks at a VM.
func observing(ctx context.Context, _ Options) []Finding {
	c, err := start(exec.Command("sleep", "60"))
	if err != nil {
		return []Finding{broken("reading memory", fmt.Errorf("start a child to look at: %w", err), RunLab)}
	}
	pages, err := look(ctx, c.cmd.Process.Pid)
	err = errors.Join(err, c.end())
	yama, _ := os.ReadFile("/proc/sys/kernel/yama/ptrace_scope")
	return []Finding{observingFinding(pages, err, strings.TrimSpace(string(yama)), os.Geteuid() == 0)}
}

// look says how many pages of a process' stack it could read.
func look(ctx context.Context, pid int) (int, error) {
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		return 0, err
	}
	block, err := stack(string(maps))
	if err != nil {
		return 0, err
	}
	host, err := observe.NewHost(vm.Layout{PID: pid, Blocks: []vm.Block{block}})
	if err != nil {
		return 0, err
	}
	host.Windows = []time.Duration{time.Millisecond}
	trace, err := host.Look(ctx)
	return int(trace.Present / vm.Page), err
}

// stack finds a process' stack, of which at least a page is always there.
func stack(maps string) (vm.Block, error) {
	for line := range strings.Lines(maps) {
		var from, to uint64
		if !strings.HasSuffix(strings.TrimSpace(line), "[stack]") {
			continue
		}
		if _, err := fmt.Sscanf(line, "%x-%x ", &from, &to); err != nil {
			return vm.Block{}, fmt.Errorf("read the map of a process: %q: %w", line, err)
		}
		return vm.Block{HostAddr: from, Size: vm.Bytes(to - from)}, nil
	}
	return vm.Block{}, errors.New("the map of a process shows no stack")
}

// observingFinding: yama is ptrace_scope, empty where the kernel has no Yama.
func observingFinding(pages int, err error, yama string, root bool) Finding {
	f := Finding{Name: "reading memory", Level: OK, What: "a child's memory was read"}
	switch {
	case err == nil && pages == 0:
		err = errors.New("no page of a child's stack can be seen")
		fallthrough
	case err != nil:
		f.Level, f.Against, f.What = Problem, []Ability{RunLab}, err.Error()
		f.Means = "walm cannot look at a VM's memory from outside, which its lab does; it watches and migrates all the " +
			"same with QEMU's own page sampling, which is slower and sees less"
		f.Mend = "run walm as root, outside of a container that forbids process_vm_readv"
		if yama == "3" {
			f.Mend = "boot with kernel.yama.ptrace_scope below 3: it cannot be lowered while the machine runs"
		}
	case !root && yama != "" && yama != "0":
		f.Level = Note
		f.What += ", Yama's ptrace_scope is " + yama
		f.Means = "QEMUs that this walm did not start cannot be read: they are watched with QEMU's own page sampling"
		f.Mend = "run walm as root, or set kernel.yama.ptrace_scope=0"
	}
	return f
}
