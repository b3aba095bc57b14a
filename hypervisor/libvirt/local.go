package libvirt

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	"walm/hypervisor/libvirt/rpc"
	"walm/internal/procfs"
	"walm/vm"
)

// errRemote is a domain whose QEMU is not on this host, or whose libvirt was not reached over its own socket.
var errRemote = fmt.Errorf("the domain's QEMU process is not known to be on this host: %w", errors.ErrUnsupported)

// process finds the QEMU of a domain whose daemon is the process peer of this host, 0 where there is none. The daemon may
// live in other namespaces than walm: it is asked through its own root. What it wrote down is believed where the process
// says the same of itself; without it, a process is that says so alone (in a migration within a host two do).
func process(peer int, d rpc.Domain) int {
	if peer == 0 {
		return 0
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/root/run/libvirt/qemu/%s.pid", peer, d.Name))
	if err == nil {
		if pid, err := strconv.Atoi(strings.TrimSpace(string(text))); err == nil && runs(pid, d.UUID) {
			return pid
		}
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return 0
	}
	var found []int
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil && runs(pid, d.UUID) {
			found = append(found, pid)
		}
	}
	if len(found) != 1 {
		return 0
	}
	return found[0]
}

// runs says whether a process is a QEMU that was started for the domain.
func runs(pid int, id rpc.UUID) bool {
	args, err := procfs.Arguments(pid)
	if err != nil {
		return false
	}
	i := slices.Index(args, "-uuid")
	return i >= 0 && i+1 < len(args) && args[i+1] == id.String()
}

// Layout says where the domain's memory, vCPU threads and taps are on this host. Memory is found by its size among what the
// process has mapped, which asks nobody; Gpa2hva is for domains of which that is ambiguous. An error that wraps
// errors.ErrUnsupported means that it cannot be told.
func (d *Domain) Layout(context.Context) (vm.Layout, error) {
	l, err := d.around()
	if err != nil {
		return l, err
	}
	mapped, err := procfs.Mappings(d.pid)
	if err != nil {
		return l, fmt.Errorf("find the memory of %s: %w", d.Name, err)
	}
	if l.Blocks, err = blocks(d.Blocks, mapped); err != nil {
		return l, fmt.Errorf("find the memory of %s: %w", d.Name, err)
	}
	return l, nil
}

// around is the layout but for memory.
func (d *Domain) around() (vm.Layout, error) {
	l := vm.Layout{PID: d.pid}
	if d.pid == 0 {
		return l, fmt.Errorf("find the memory of %s: %w", d.Name, errRemote)
	}
	if !runs(d.pid, d.UUID) {
		return l, fmt.Errorf("find the memory of %s: its process %d has ended", d.Name, d.pid)
	}
	threads, err := procfs.Threads(d.pid)
	if err != nil {
		return l, fmt.Errorf("find the vCPUs of %s: %w", d.Name, err)
	}
	l.VCPUs = vcpus(threads)
	l.Taps = procfs.Taps(d.pid)
	return l, nil
}

// vcpus picks the threads that QEMU calls "CPU 0/KVM", "CPU 0/TCG" or "ALL CPUs/TCG", in their order.
func vcpus(threads map[int]string) []int {
	type vcpu struct{ n, thread int }
	var all []vcpu
	for _, id := range slices.Sorted(maps.Keys(threads)) {
		name, _, _ := strings.Cut(threads[id], "/")
		if name == "ALL CPUs" {
			all = append(all, vcpu{0, id})
		} else if number, ok := strings.CutPrefix(name, "CPU "); ok {
			if n, err := strconv.Atoi(number); err == nil {
				all = append(all, vcpu{n, id})
			}
		}
	}
	slices.SortFunc(all, func(a, b vcpu) int { return cmp.Compare(a.n, b.n) })
	var ids []int
	for _, v := range all {
		ids = append(ids, v.thread)
	}
	return ids
}

// blocks finds pieces of RAM of the given sizes. QEMU maps each on its own, with an inaccessible page behind it, and sets
// it apart from its other memory by advice to the kernel; a piece that was bound to several nodes lies in several mappings.
// A size that more mappings have than there are pieces of it is an error: the wrong one would be watched.
func blocks(sizes []vm.Bytes, mapped []procfs.Mapping) ([]vm.Block, error) {
	wanted := map[vm.Bytes]int{}
	for _, n := range sizes {
		wanted[n]++
	}
	found := map[vm.Bytes][]uint64{}
	for n, count := range wanted {
		at := runsOf(uint64(n), mapped)
		if len(at) != count {
			return nil, fmt.Errorf("%d of its mappings have the length of a piece of RAM of %d KiB, and %d are wanted: let its"+
				" QEMU be asked, which libvirt notes as tainting the domain: %w", len(at), n/vm.KiB, count, errors.ErrUnsupported)
		}
		found[n] = at
	}
	var all []vm.Block
	var guest uint64
	for _, n := range sizes {
		// The guest's addresses are only names here: the hole under 4 GiB is left out.
		all = append(all, vm.Block{GuestAddr: guest, HostAddr: found[n][0], Size: n})
		found[n] = found[n][1:]
		guest += uint64(n)
	}
	return all, nil
}

// runsOf are the addresses of writable mappings of that length; where none is, of runs of mappings without a gap.
func runsOf(length uint64, mapped []procfs.Mapping) []uint64 {
	var single, joined []uint64
	for i, m := range mapped {
		if !m.Writable {
			continue
		}
		if m.Size() == length {
			single = append(single, m.Start)
		}
		if i > 0 && mapped[i-1].Writable && mapped[i-1].End == m.Start {
			continue // a run begins where something else ends
		}
		end := m.End
		for _, next := range mapped[i+1:] {
			if !next.Writable || next.Start != end {
				break
			}
			end = next.End
		}
		if end-m.Start == length {
			joined = append(joined, m.Start)
		}
	}
	if len(single) > 0 {
		return single
	}
	return joined
}

// Gpa2hva is Layout by asking the domain's QEMU where its memory is. libvirt marks the domain as tainted for that.
func (d *Domain) Gpa2hva(ctx context.Context) (vm.Layout, error) {
	l, err := d.around()
	if err != nil {
		return l, err
	}
	var dimms []struct {
		Data struct {
			Addr, MemAddr uint64 // the latter of virtio-mem
			Size          vm.Bytes
		}
	}
	if err := d.qmp(ctx, `{"execute":"query-memory-devices"}`, &dimms); err != nil {
		return l, err
	}
	all := []vm.Block{{Size: d.RAM - d.Plugged}}
	for _, x := range dimms {
		all = append(all, vm.Block{GuestAddr: max(x.Data.Addr, x.Data.MemAddr), Size: x.Data.Size})
	}
	for _, b := range all {
		var answer string
		ask := fmt.Sprintf(`{"execute":"human-monitor-command","arguments":{"command-line":"gpa2hva 0x%x"}}`, b.GuestAddr)
		if err := d.qmp(ctx, ask, &answer); err != nil {
			return l, err
		}
		_, hex, ok := strings.Cut(strings.TrimSpace(answer), " is 0x")
		if b.HostAddr, err = strconv.ParseUint(hex, 16, 64); !ok || err != nil {
			return l, fmt.Errorf("find the memory of %s at guest address %#x: QEMU answered %q", d.Name, b.GuestAddr, answer)
		}
		l.Blocks = append(l.Blocks, b)
	}
	return l, nil
}

func (d *Domain) qmp(ctx context.Context, command string, into any) error {
	text, err := d.conn.QEMU(ctx, d.Domain, command)
	if err != nil {
		return fmt.Errorf("ask the QEMU of %s: %w", d.Name, err)
	}
	var reply struct {
		Return json.RawMessage
		Error  *struct{ Desc string }
	}
	if err := json.Unmarshal([]byte(text), &reply); err != nil {
		return fmt.Errorf("ask the QEMU of %s: %w", d.Name, err)
	}
	if reply.Error != nil {
		return fmt.Errorf("ask the QEMU of %s: %s", d.Name, reply.Error.Desc)
	}
	return json.Unmarshal(reply.Return, into)
}
