package libvirt

import (
	"context"
	"errors"
	"fmt"
	"math"

	"walm/hypervisor/libvirt/preflight"
	"walm/hypervisor/libvirt/rpc"
	"walm/vm"
)

// uncapped is libvirt's largest speed in MiB/s, which is its default too. 0 would not do: it stands for what was set before.
const uncapped = math.MaxInt64 >> 20

// mebi gives a rate in whole MiB/s, libvirt's unit, at least one of what is not nothing.
func mebi(r vm.Rate) int64 {
	if r <= 0 {
		return 0
	}
	return max(1, int64(math.Round(min(float64(r)/float64(vm.MiB), uncapped/2))))
}

func speed(r vm.Rate) uint64 {
	if n := mebi(r); n > 0 && n < uncapped/2 {
		return uint64(n)
	}
	return uncapped
}

// flags are a migration's.
func (o Options) flags(m vm.Method, p vm.Params) rpc.MigrateFlags {
	// Always live: a VM that is to be stopped first is, by a downtime limit into which everything fits. libvirt would do it
	// before the connection is made, and hold the last stage to the cap on bandwidth.
	f := rpc.Live
	for flag, on := range map[rpc.MigrateFlags]bool{
		rpc.PeerToPeer:     !o.Direct,
		rpc.PersistDest:    o.Persistent,
		rpc.UndefineSource: o.Undefine,
		rpc.NonSharedDisk:  o.CopyStorage && !o.Incremental,
		rpc.NonSharedInc:   o.Incremental,
		rpc.Unsafe:         o.Unsafe,
		rpc.AbortOnIOError: o.AbortOnError,
		rpc.TLS:            o.TLS,
		rpc.AutoConverge:   m == vm.AutoConverge,
		rpc.Postcopy:       m.Postcopies() || p.Postcopy,
		rpc.Parallel:       p.Multifd > 0,
		rpc.Compressed:     p.Compression != "",
		// A direct migration is several calls: nobody else may change the domain between them.
		rpc.ChangeProtect: o.Direct,
	} {
		if on {
			f |= flag
		}
	}
	return f
}

// params are a migration's typed parameters.
func (o Options) params(m vm.Method, p vm.Params) rpc.Params {
	all := rpc.Params{{Name: rpc.ParamBandwidth, Value: speed(p.Bandwidth)}}
	add := func(name string, value any, when bool) {
		if when {
			all = append(all, rpc.Param{Name: name, Value: value})
		}
	}
	add(rpc.ParamURI, o.MigrateURI, o.MigrateURI != "")
	add(rpc.ParamListenAddress, o.ListenAddress, o.ListenAddress != "")
	add(rpc.ParamDestName, o.Name, o.Name != "")
	add(rpc.ParamDestXML, o.XML, o.XML != "")
	add(rpc.ParamPersistXML, o.PersistentXML, o.PersistentXML != "")
	add(rpc.ParamTLSDestination, o.TLSName, o.TLS && o.TLSName != "")
	add(rpc.ParamDisksPort, int32(o.DisksPort), o.DisksPort != 0)
	for _, d := range o.Disks {
		add(rpc.ParamDisks, d, true)
	}
	add(rpc.ParamPostcopyBandwidth, uint64(mebi(p.PostcopyBandwidth)), p.PostcopyBandwidth > 0)
	add(rpc.ParamThrottleInitial, int32(p.ThrottleInitial), m == vm.AutoConverge && p.ThrottleInitial > 0)
	add(rpc.ParamThrottleIncrement, int32(p.ThrottleIncrement), m == vm.AutoConverge && p.ThrottleIncrement > 0)
	add(rpc.ParamConnections, int32(p.Multifd), p.Multifd > 0)
	add(rpc.ParamCompression, string(p.Compression), p.Compression != "")
	return all
}

// preempts is the libvirt that gives faulted pages a channel of their own wherever both QEMUs can; before it none does.
// The daemon cannot be asked.
const preempts rpc.Version = 9001000

// packs is the libvirt that has channels compress what they carry.
const packs rpc.Version = 9001000

// Unable says why libvirt cannot do a method with its parameters for this domain; empty where it can.
func (p *Pair) Unable(m vm.Method, params vm.Params) string {
	if m == vm.Offline {
		return p.unableOffline()
	}
	if why := p.Domain.CorruptsTCG(); why != "" {
		return why
	}
	postcopy := m.Postcopies() || params.Postcopy
	switch {
	case m == vm.AutoConverge && params.ThrottleMax != 0 && params.ThrottleMax != vm.DefaultThrottleMax:
		return fmt.Sprintf("libvirt cannot be told the largest throttle, which is %d %%", vm.DefaultThrottleMax)
	case params.ThrottleTrigger > 0:
		return "libvirt cannot be told what triggers the throttle"
	case params.Switchover > 0:
		return "libvirt cannot be told what the link carries at the switchover"
	case params.Multifd > 0 && vm.LosesChannels(preflight.Version(p.Domain.QEMU).Parts(), preflight.Version(p.emulator).Parts()):
		return fmt.Sprintf("QEMU %s loses pages that QEMU %s sends over channels beside the stream (mended in 9.2.1)", p.emulator, p.Domain.QEMU)
	case params.Compression != "" && params.Multifd == 0:
		return "only what channels beside the stream carry is compressed: take multifd"
	case params.Compression != "" && p.Domain.Libvirt < packs:
		return fmt.Sprintf("the source's libvirt %s packs nothing with %s (from %s on)", p.Domain.Libvirt, params.Compression, packs)
	case params.Multifd > 0 && postcopy:
		return "multifd does not go with post-copy"
	case postcopy && params.Preempt && p.Domain.Libvirt < preempts:
		return fmt.Sprintf("the source's libvirt %s has no postcopy-preempt (from %s on)", p.Domain.Libvirt, preempts)
	case postcopy && (p.Options.CopyStorage || p.Options.Incremental) && p.Domain.Libvirt < 4000000:
		return fmt.Sprintf("the source's libvirt %s copies no disks in post-copy", p.Domain.Libvirt)
	}
	return ""
}

// prepare finds out that both ends are as they must be, and sets what libvirt takes before a migration. Everything else goes
// with the call that begins it; libvirt gives that back by itself where the VM stays.
func (p *Pair) prepare(ctx context.Context, m vm.Method, params vm.Params) error {
	if why := p.Unable(m, params); why != "" {
		return fmt.Errorf("%s: %s", m, why)
	}
	if p.knows().calling {
		return errors.New("a migration of this domain by walm is under way")
	}
	p.note(func(k *known) { *k = known{told: map[vm.Side]vm.Status{}} })
	ends, err := p.Look(ctx)
	if err != nil {
		return err
	}
	switch src, dst := ends.Source, ends.Destination; {
	case src.Run == vm.RunStateUnknown:
		return fmt.Errorf("ask the source for the VM: %s", src.Err)
	case src.Run != vm.RunStateRunning:
		return fmt.Errorf("the VM is not running but %s", src.Run)
	case src.Status != vm.StatusNone:
		return fmt.Errorf("a migration of the VM is under way already (%s): wait for it, or end it with walm abort", src.Status)
	case dst.Run == vm.RunStateUnknown:
		return fmt.Errorf("ask the destination for the VM: %s", dst.Err)
	case dst.Run != vm.RunStateInmigrate || dst.Status != vm.StatusNone:
		return fmt.Errorf("a domain with the VM's UUID is active at the destination (%s): find out which is the right one", dst.Run)
	}
	p.mu.Lock()
	p.saved = nil
	p.mu.Unlock()
	if m == vm.Offline {
		p.prepareOffline()
		return nil
	}
	if params.DowntimeLimit <= 0 {
		return nil
	}
	c, err := p.from.get(ctx)
	if err != nil {
		return err
	}
	before, err := c.Downtime(ctx, p.id())
	if err != nil {
		return fmt.Errorf("read the downtime limit: %w", err)
	}
	if err := c.SetDowntime(ctx, p.id(), milliseconds(params.DowntimeLimit)); err != nil {
		return fmt.Errorf("set the downtime limit: %w", err)
	}
	p.undo.Later(func(ctx context.Context) error { return p.giveBack(ctx, before) })
	return nil
}

// giveBack sets the downtime limit as it was, unless the domain has gone, and the limit with it.
func (p *Pair) giveBack(ctx context.Context, limit uint64) error {
	c, err := p.from.get(ctx)
	if err != nil {
		return err
	}
	s, err := state(ctx, c, p.id())
	if err != nil || !s.active() {
		return err
	}
	if err := c.SetDowntime(ctx, p.id(), limit); err != nil {
		return fmt.Errorf("set the downtime limit as it was: %w", err)
	}
	return nil
}
