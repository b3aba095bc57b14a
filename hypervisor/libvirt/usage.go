package libvirt

import (
	"context"
	"fmt"
	"time"

	"walm/hypervisor/libvirt/rpc"
	"walm/vm"
)

// Usage is what libvirt tells of the domain from wherever it is reached, without asking the guest or the QEMU for anything.
func (d *Domain) Usage(ctx context.Context) (vm.Usage, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	all, err := d.conn.Stats(ctx, rpc.StatsBalloon|rpc.StatsVCPU|rpc.StatsInterface, d.Domain)
	if err == nil && len(all) != 1 {
		err = fmt.Errorf("%d answers", len(all))
	}
	if err != nil {
		return vm.Usage{}, fmt.Errorf("ask what %s uses: %w", d.Name, err)
	}
	return usage(all[0].Params, d.Features, time.Now()), nil
}

// usage reads statistics (virConnectGetAllDomainStats). A vCPU's time is without what it waited for a core, which is its delay;
// what libvirt calls its wait is something else. Traffic is as the guest sees it: libvirt turns a tap's counters around.
func usage(stats rpc.Params, f Features, now time.Time) vm.Usage {
	u := vm.Usage{At: now, CPU: map[int]time.Duration{}, Waits: map[int]time.Duration{}, Traffic: map[string]vm.Traffic{}}
	kib := func(name string) vm.Bytes {
		n, _ := stats.Number(name)
		return vm.Bytes(n) * vm.KiB
	}
	if f.Uncounted != "" {
		u.Unknown = append(u.Unknown, "what the host has given the VM is not known: "+f.Uncounted)
	} else if u.Resident = kib("balloon.rss"); u.Resident == 0 {
		u.Unknown = append(u.Unknown, "what the host has given the VM is not known: libvirt does not tell")
	}
	u.Balloon = max(0, kib("balloon.maximum")-kib("balloon.current"))
	for i := range f.VCPUs {
		ran, ok := stats.Number(fmt.Sprintf("vcpu.%d.time", i))
		if !ok {
			continue // one that is not plugged in
		}
		waited, _ := stats.Number(fmt.Sprintf("vcpu.%d.delay", i))
		u.CPU[i], u.Waits[i] = time.Duration(ran+waited), time.Duration(waited)
	}
	interfaces, _ := stats.Number("net.count")
	for i := range interfaces {
		in, ok := stats.Number(fmt.Sprintf("net.%d.rx.bytes", i))
		out, also := stats.Number(fmt.Sprintf("net.%d.tx.bytes", i))
		if !ok || !also {
			u.Unknown = append(u.Unknown, fmt.Sprintf("network traffic of interface %d is not known: libvirt tells none", i))
			continue
		}
		u.Traffic[stats.Text(fmt.Sprintf("net.%d.name", i))] = vm.Traffic{Received: vm.Bytes(in), Sent: vm.Bytes(out)}
	}
	return u
}
