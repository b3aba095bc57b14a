package peer

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"walm/decide"
	"walm/vm"
)

// Peer is a policy that is somebody else's, or a rule of thumb.
type Peer struct {
	Name   string
	Source string // what it is a model of
	Does   string // in a line

	poll   time.Duration // how often it looks at a migration; 0: never
	events bool          // and at every pass boundary too
	begin  func(Site) (vm.Method, vm.Params, string)
	steer  func(Site) steer // nil: it leaves a migration alone
}

// steer is what a policy does with one migration. It keeps what it has seen of that migration, and nothing else.
type steer func(now time.Time, h decide.History) decide.Adjustment

// Site is what a policy is told of the migration that it is to steer.
type Site struct {
	Trace vm.Trace
	Link  vm.Link
	RAM   vm.Bytes // that budgets per GiB are reckoned from; 0: the trace's
	Cap   vm.Rate  // on the stream while the VM runs; 0: none
	// Scale divides every wait of a policy: its polls, windows, steps and budgets, for guests that are smaller than
	// those it was made for. Downtime limits are not divided: what fits into them scales with the link. 0: 1.
	Scale float64
}

// wait is a policy's time on this site.
func (s Site) wait(d time.Duration) time.Duration {
	if s.Scale > 0 {
		return time.Duration(float64(d) / s.Scale)
	}
	return d
}

// ram is the size of the VM for budgets.
func (s Site) ram() vm.Bytes {
	if s.RAM > 0 {
		return s.RAM
	}
	return s.Trace.RAM
}

// budget is so much time for each GiB of the VM, and at least for least GiB.
func (s Site) budget(perGiB time.Duration, least float64) time.Duration {
	gib := max(float64(s.ram())/float64(vm.GiB), least)
	return s.wait(time.Duration(gib * float64(perGiB)))
}

// Steering is a policy at work on one migration: what it begins with, and Next, which remembers what it has been shown.
type Steering struct {
	Method vm.Method
	Params vm.Params
	Why    string
	Poll   time.Duration // how often Next is to be asked whether or not a pass has begun; 0: at pass boundaries alone
	Next   func(now time.Time, h decide.History) decide.Adjustment
}

// Begin starts p on one migration.
func (p Peer) Begin(s Site) Steering {
	m, params, why := p.begin(s)
	params.Bandwidth = s.Cap
	next := leave
	if p.steer != nil {
		next = p.steer(s)
		if !p.events {
			next = paced(s.wait(p.poll), next)
		}
	}
	return Steering{Method: m, Params: params, Why: fmt.Sprintf("%s: %s", p.Name, why), Poll: s.wait(p.poll), Next: next}
}

// leave leaves a migration to itself.
func leave(time.Time, decide.History) decide.Adjustment { return goOn("it is left to itself") }

// paced looks no more often than every so long. A migration is first looked at that long after its start.
func paced(every time.Duration, next steer) steer {
	var last time.Time
	return func(now time.Time, h decide.History) decide.Adjustment {
		if last.IsZero() {
			last = h.Started
		}
		if now.Sub(last) < every {
			return goOn("the next look is not due")
		}
		last = now
		return next(now, h)
	}
}

func goOn(why string) decide.Adjustment { return decide.Adjustment{Move: decide.GoOn, Reason: why} }

// All lists the peers, by project.
func All() []Peer {
	return slices.Concat(qemu(), []Peer{proxmox(), cloudHypervisor()}, nova(), ovirt(), kubevirt(), stalls(), rules())
}

// Names lists their names.
func Names() []string {
	var names []string
	for _, p := range All() {
		names = append(names, p.Name)
	}
	return names
}

// Find finds a peer by its name.
func Find(name string) (Peer, error) {
	for _, p := range All() {
		if p.Name == name {
			return p, nil
		}
	}
	return Peer{}, fmt.Errorf("unknown policy %q: one of %s", name, strings.Join(Names(), ", "))
}

// live is a method with its parameters, and post-copy armed where it may be switched to. libvirt turns post-copy's
// preemption on wherever both ends have it.
func live(m vm.Method, limit time.Duration, armed bool) vm.Params {
	p := vm.DefaultParams(m)
	p.DowntimeLimit = limit
	p.Postcopy, p.Preempt = armed, armed
	return p
}
