package libvirt

import (
	"context"
	"errors"
	"fmt"
	"time"

	"walm/hypervisor/libvirt/rpc"
	"walm/internal/nearest"
	"walm/internal/procfs"
	"walm/vm"
)

// Domain is a VM as libvirt knows it, reached by a URI of libvirt's.
type Domain struct {
	Features
	rpc.Domain
	URI  string // of its host
	Host string // what the host calls itself
	conn *rpc.Conn
	pid  int // of its QEMU, 0 where that is not on this host
}

// finding bounds the first questions about a domain. libvirt keeps it locked while it ends a QEMU of its: ten seconds after SIGTERM, thirty
// after SIGKILL (virProcessKillPainfully). A daemon of 9.0 on a starved machine was silent for some 30 s.
const finding = 45 * time.Second

func dial(ctx context.Context, uri string) (*rpc.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return rpc.Dial(ctx, uri)
}

// Open connects to the libvirt at uri and finds a domain by its name, id or UUID.
func Open(ctx context.Context, uri, name string) (*Domain, error) {
	c, err := dial(ctx, uri)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, finding)
	defer cancel()
	d, err := open(ctx, c, name)
	if err != nil {
		c.Close()
		return nil, fmt.Errorf("find the domain %s at %s: %w", name, uri, err)
	}
	d.URI = uri
	return d, nil
}

// Again connects to a host that had the domain of that UUID. Where it knows it no more, as one that was not defined there and
// has moved away, all that is told of the domain is its name, its UUID and where it was.
func Again(ctx context.Context, uri, name, uuid string) (*Domain, error) {
	id, ok := parseUUID(uuid)
	if !ok {
		return nil, fmt.Errorf("reach the domain %s at %s: %q is no UUID", name, uri, uuid)
	}
	d, err := Open(ctx, uri, uuid)
	if !errors.Is(err, rpc.NoDomain) {
		return d, err
	}
	c, err := dial(ctx, uri)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	d = &Domain{Domain: rpc.Domain{Name: name, UUID: id, ID: -1}, URI: uri, conn: c}
	if d.Host, err = c.Hostname(ctx); err != nil {
		c.Close()
		return nil, err
	}
	return d, nil
}

func open(ctx context.Context, c *rpc.Conn, name string) (*Domain, error) {
	found, err := Find(ctx, c, name)
	if err != nil {
		return nil, err
	}
	d := &Domain{Domain: found, conn: c}
	text, err := c.XML(ctx, found, 0)
	if err != nil {
		return nil, err
	}
	if d.Features, err = describe(text); err != nil {
		return nil, err
	}
	if d.Libvirt, err = c.LibVersion(ctx); err != nil {
		return nil, err
	}
	if d.QEMU, err = c.QEMUVersion(ctx); err != nil {
		return nil, err
	}
	if d.Host, err = c.Hostname(ctx); err != nil {
		return nil, err
	}
	if d.pid = process(c.Peer(), found); d.pid != 0 {
		if args, err := procfs.Arguments(d.pid); err == nil {
			d.started(args)
		}
	}
	return d, nil
}

// Find takes a name as virsh does: for an id, a UUID, a name, in this order.
func Find(ctx context.Context, c *rpc.Conn, name string) (rpc.Domain, error) {
	if id, ok := parseID(name); ok {
		if d, err := c.ByID(ctx, id); !errors.Is(err, rpc.NoDomain) {
			return d, err
		}
	}
	if id, ok := parseUUID(name); ok {
		if d, err := c.ByUUID(ctx, id); !errors.Is(err, rpc.NoDomain) {
			return d, err
		}
	}
	d, err := c.ByName(ctx, name)
	if !errors.Is(err, rpc.NoDomain) {
		return d, err
	}
	all, lists := c.Domains(ctx, 0)
	if lists != nil {
		return d, errors.Join(err, lists)
	}
	names := make([]string, len(all))
	for i, x := range all {
		names[i] = x.Name
	}
	if near := nearest.To(name, names); len(near) > 0 {
		return d, fmt.Errorf("%w; is %q meant?", err, near[0])
	}
	return d, fmt.Errorf("%w; walm list --all shows the domains that are there", err)
}

// Close ends the connection; the domain goes on.
func (d *Domain) Close() error { return d.conn.Close() }

// Done is closed when the connection is gone.
func (d *Domain) Done() <-chan struct{} { return d.conn.Done() }

// PID is the domain's QEMU process, 0 where it is not on this host.
func (d *Domain) PID() int { return d.pid }

// RunState asks whether the VM runs.
func (d *Domain) RunState(ctx context.Context) (vm.RunState, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	s, err := state(ctx, d.conn, d.Domain)
	switch {
	case err != nil:
		return vm.RunStateUnknown, err
	case !s.active():
		return vm.RunStateGone, nil
	}
	return runState(s.state), nil
}

// MemorySize is the guest's RAM.
func (d *Domain) MemorySize(context.Context) (vm.Bytes, error) { return d.RAM, nil }

// pagesPerGiB is how many QEMU samples where nobody says otherwise, and libvirt does not.
const pagesPerGiB = 512

// late is how much longer than its window a measurement may take until libvirt tells of it.
const late = 15 * time.Second

// Samples is how many pages of the domain SampleDirtyRate looks at, in all.
func (d *Domain) Samples() int { return max(1, int(int64(d.RAM)*pagesPerGiB/int64(vm.GiB))) }

// SampleDirtyRate measures the unique memory dirtied within a window, per second, by QEMU's page sampling: over whole
// seconds, up to a minute, with 512 pages per GiB, since libvirt takes nothing else. It is refused while a migration runs,
// which it would disturb.
func (d *Domain) SampleDirtyRate(ctx context.Context, window time.Duration, samples int) (vm.Rate, error) {
	if window%time.Second != 0 || window < time.Second || window > time.Minute {
		return 0, fmt.Errorf("sample the dirty rate over %s: %w: libvirt takes 1 to 60 whole seconds", window, errors.ErrUnsupported)
	}
	if samples < pagesPerGiB-1 || samples > pagesPerGiB+1 {
		return 0, fmt.Errorf("sample the dirty rate with %d pages per GiB: libvirt always takes %d", samples, pagesPerGiB)
	}
	job, err := d.conn.JobStats(ctx, d.Domain, false)
	switch {
	case err != nil:
		return 0, fmt.Errorf("sample the dirty rate of %s: %w", d.Name, err)
	case job.Type.Active():
		return 0, fmt.Errorf("sample the dirty rate of %s: a job of the domain is under way, see walm jobinfo", d.Name)
	}
	if err := d.conn.StartDirtyRate(ctx, d.Domain, int(window/time.Second)); err != nil {
		if errors.Is(err, rpc.NoSupport) {
			err = fmt.Errorf("%w (libvirt has it from 7.2 on)", err)
		}
		return 0, fmt.Errorf("sample the dirty rate of %s: %w", d.Name, err)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, window+late, fmt.Errorf("libvirt has not told what it measured %v after it should have",
		late))
	defer cancel()
	wait := time.NewTimer(window)
	defer wait.Stop()
	for {
		select {
		case <-ctx.Done():
			return 0, fmt.Errorf("sample the dirty rate of %s: %w", d.Name, context.Cause(ctx))
		case <-wait.C:
		}
		stats, err := d.conn.Stats(ctx, rpc.StatsDirtyRate, d.Domain)
		if err != nil || len(stats) != 1 {
			return 0, fmt.Errorf("read the dirty rate of %s: %d answers, %w", d.Name, len(stats), err)
		}
		const measured = 2 // VIR_DOMAIN_DIRTYRATE_MEASURED
		status, _ := stats[0].Params.Number("dirtyrate.calc_status")
		if rate, ok := stats[0].Params.Number("dirtyrate.megabytes_per_second"); ok && status == measured {
			return vm.Rate(rate) * vm.Rate(vm.MiB), nil
		}
		wait.Reset(50 * time.Millisecond)
	}
}
