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
	u := vm.Usage{At: now}
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
			u.CPU, u.Waits = nil, nil
			u.Unknown = append(u.Unknown, fmt.Sprintf("CPU shares are not known: libvirt tells no time of vCPU %d", i))
			break
		}
		waited, _ := stats.Number(fmt.Sprintf("vcpu.%d.delay", i))
		u.CPU, u.Waits = append(u.CPU, time.Duration(ran+waited)), append(u.Waits, time.Duration(waited))
	}
	interfaces, _ := stats.Number("net.count")
	for i := range interfaces {
		in, ok := stats.Number(fmt.Sprintf("net.%d.rx.bytes", i))
		out, also := stats.Number(fmt.Sprintf("net.%d.tx.bytes", i))
		if !ok || !also {
			u.Unknown = append(u.Unknown, fmt.Sprintf("network traffic is not known in full: libvirt tells none of interface %d", i))
		}
		u.Received, u.Sent = u.Received+vm.Bytes(in), u.Sent+vm.Bytes(out)
	}
	return u
}
