package lab

import (
	"context"
	"net"
	"os"
	"os/exec"
	"time"

	"walm/hypervisor/qemu"
	"walm/lab/netlab"
	"walm/lab/process"
	"walm/measure"
	"walm/observe"
	"walm/vm"
)

// site is where a lab's hosts are: here, in namespaces of this machine, or away, on machines that ssh reaches.
type site interface {
	// begin starts the QEMU of m, connects to it, and fills in what m is known by.
	begin(ctx context.Context, m *machine, c qemu.Config) error
	// address is a host's on the network that migrations use.
	address(netlab.Side) string
	// guest is the guest's address; empty where nobody reaches it.
	guest() string
	// client runs f where the sockets that it opens are the client's.
	client(f func() error) error
	// eye looks at the guest of m.
	eye(ctx context.Context, m *machine) (Eye, error)
	// link is what the hosts' link carries; nil where that is to be measured.
	link() *vm.Link
	// shape limits each host's link; zero lifts the limit.
	shape(vm.Rate) error
	// courier carries the state of an offline move from one host to the other; nil where that is not needed.
	courier(from, to *machine) *qemu.Courier
	// count reads what leaves a host until ctx ends. None where that is not known.
	count(ctx context.Context, from netlab.Side) []measure.Count
	down() error
}

// Eye looks at a VM with as many samples, and over such windows, as it is told; zero and nil are its own.
type Eye func(ctx context.Context, samples int, windows []time.Duration) (vm.Trace, error)

// through is an eye that always looks in the same way.
type through struct {
	eye     Eye
	windows []time.Duration
}

func (t through) Look(ctx context.Context) (vm.Trace, error) { return t.eye(ctx, 0, t.windows) }

// here is the site of a lab in namespaces.
type here struct{ *Lab }

func (h here) begin(ctx context.Context, m *machine, c qemu.Config) error {
	c.QMP, c.Console, c.Control = m.qmp, m.base+".console", m.control()
	program := h.programs[m.host]
	log, err := os.Create(m.base + ".log")
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(program.Binary, append(append([]string{}, program.Args...), c.Args()...)...)
	cmd.Env = append(os.Environ(), program.Env...)
	cmd.Stdout, cmd.Stderr = log, log
	ended, err := h.start(h.net.Host(m.host).Namespace, cmd)
	if err != nil {
		return err
	}
	m.ended, m.process = ended, process.Identify(cmd.Process.Pid)
	m.kill = func() error {
		err := m.process.End()
		if err == nil {
			<-ended // until it is waited for, a thread of it may still hold the tap
		}
		return err
	}
	m.text = func(kind string) string {
		text, _ := os.ReadFile(m.base + kind)
		return tail(text)
	}
	return m.open(ctx)
}

func (h here) address(host netlab.Side) string { return h.net.Host(host).Addr.String() }

func (h here) guest() string { return netlab.Guest }

func (h here) client(f func() error) error { return netlab.Do(h.net.Client().Namespace, f) }

func (h here) eye(ctx context.Context, m *machine) (Eye, error) {
	layout, err := m.vm.Layout(ctx)
	if err != nil {
		return nil, err
	}
	eye, err := observe.NewHost(layout)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, samples int, windows []time.Duration) (vm.Trace, error) {
		eye.Samples, eye.Windows = samples, windows
		eye.Touch = samples <= 0 || samples >= observe.ForecastSamples // what is read matters to forecasts alone
		return eye.Look(ctx)
	}, nil
}

func (h here) link() *vm.Link { return nil }

func (h here) shape(rate vm.Rate) error { return h.net.Shape(rate) }

func (h here) courier(_, _ *machine) *qemu.Courier { return nil }

// count leaves out a reading that fails.
func (h here) count(ctx context.Context, from netlab.Side) (counts []measure.Count) {
	tick := time.NewTicker(countEvery)
	defer tick.Stop()
	for {
		if all, err := h.net.Counters(); err == nil {
			counts = append(counts, measure.Count{At: time.Now(), Bytes: all[from].Sent})
		}
		select {
		case <-ctx.Done():
			return counts
		case <-tick.C:
		}
	}
}

func (h here) down() error {
	if h.net == nil {
		return nil
	}
	return h.net.Down()
}

// listen is where a host waits for a migration.
func (l *Lab) listen(host netlab.Side) string {
	return net.JoinHostPort(l.site.address(host), movePort)
}
