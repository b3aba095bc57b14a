package main

import (
	"encoding/json"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"walm/hypervisor/libvirt/rpc"
	"walm/hypervisor/libvirt/rpc/rpctest"
)

// startLibvirt NAME DOMAIN... starts a fake libvirtd of a host of that name as $NAME, its URI, with domains such as "vm1", or
// with a word of what is the matter with one: "vm1=off", "vm1=paused", "vm1=migrating", "vm1=in-post-copy", "vm1=incoming",
// "vm1=saved", "vm1=snapshots", "vm1=transient",
// "vm1=interrupted" (and "vm1=half" at the destination); "newer" is a libvirt that survives what 11.3 dies of. Ids are given from 1 on.
func startLibvirt(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: libvirt NAME DOMAIN...")
	}
	name := args[0]
	h := rpctest.Host{Name: name, QEMUVersion: 10_000_002, LibVersion: 11_003_000}
	for i, a := range args[1:] {
		if a == "newer" {
			h.LibVersion = 11_004_000
			continue
		}
		d, err := fakeDomain(a, int32(i+1))
		ts.Check(err)
		h.Domains = append(h.Domains, d)
	}
	all := ts.Value("libvirts").(*libvirts)
	h.Migrate = all.carry
	path := filepath.Join(ts.MkAbs("."), name)
	s, err := rpctest.Listen(path, h)
	ts.Check(err)
	ts.Defer(s.Close)
	all.mu.Lock()
	all.all[name] = s
	all.mu.Unlock()
	ts.Setenv(strings.ToUpper(name), "qemu+unix:///system?socket="+path)
}

func fakeDomain(setting string, id int32) (*rpctest.Domain, error) {
	name, what, _ := strings.Cut(setting, "=")
	d := rpctest.Running(name, id)
	d.Stats = rpc.Params{{Name: "dirtyrate.calc_status", Value: int32(2)}, {Name: "dirtyrate.megabytes_per_second", Value: int64(3)}}
	job := rpc.Job{Type: rpc.JobUnbounded, Params: rpc.Params{
		{Name: "operation", Value: int32(outgoingMigration)}, {Name: "time_elapsed", Value: uint64(1234)},
		{Name: "data_total", Value: uint64(1 << 30)}, {Name: "data_processed", Value: uint64(300 << 20)},
		{Name: "data_remaining", Value: uint64(724 << 20)}, {Name: "memory_total", Value: uint64(1 << 30)},
		{Name: "memory_processed", Value: uint64(300 << 20)}, {Name: "memory_remaining", Value: uint64(724 << 20)},
		{Name: "memory_bps", Value: uint64(117 << 20)}, {Name: "memory_dirty_rate", Value: uint64(4096)},
		{Name: "memory_iteration", Value: uint64(2)}, {Name: "disk_total", Value: uint64(0)}, {Name: "downtime", Value: uint64(300)}}}
	switch what {
	case "":
	case "off":
		d = rpctest.ShutOff(name, id)
	case "saved":
		d = rpctest.ShutOff(name, id)
		d.ManagedSave = true
	case "paused":
		d.State = rpc.State{State: rpc.Paused, Reason: 1}
	case "transient":
		d.Persistent = false
	case "snapshots":
		d.Snapshots = 2
	case "migrating":
		d.Job = job
	case "in-post-copy":
		d.Job, d.State = job, rpc.State{State: rpc.Paused, Reason: rpc.PausedPostcopy}
	case "interrupted":
		d.Job, d.State = job, rpc.State{State: rpc.Paused, Reason: rpc.PausedPostcopyFailed}
	case "half": // the other half of it
		d.State = rpc.State{State: rpc.Running, Reason: rpc.RunningPostcopyFailed}
	case "incoming":
		job.Params[0].Value = int32(incomingMigration)
		d.Job, d.State = job, rpc.State{State: rpc.Paused, Reason: rpc.PausedMigration}
	default:
		return nil, fmt.Errorf("unknown setting %q of a domain", setting)
	}
	return d, nil
}

// libvirts are a script's fake daemons, by the names of their hosts.
type libvirts struct {
	mu  sync.Mutex
	all map[string]*rpctest.Server
}

func (l *libvirts) host(name string) *rpctest.Server {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all[name]
}

// carry is a migration in two passes that takes a second: what two daemons tell of one, in their order.
func (l *libvirts) carry(from *rpctest.Server, m rpctest.Migration) error {
	u, err := url.Parse(m.Destination)
	if err != nil {
		return err
	}
	to := l.host(u.Hostname())
	if to == nil {
		return &rpc.Error{Code: rpc.OperationFailed, Message: "unable to connect to server at '" + u.Host + "': Connection refused"}
	}
	d, status := m.Domain, func(s *rpctest.Server, status string) {
		s.Emit(rpc.Event{Domain: m.Domain, Monitor: &rpc.Monitor{Name: "MIGRATION", At: time.Now(), Data: json.RawMessage(`{"status":"` + status + `"}`)}})
	}
	word := func(s *rpctest.Server, name string) {
		s.Emit(rpc.Event{Domain: d, Monitor: &rpc.Monitor{Name: name, At: time.Now()}})
	}
	life := func(s *rpctest.Server, event, detail int32) {
		s.Emit(rpc.Event{Domain: d, Lifecycle: &rpc.Lifecycle{Event: event, Detail: detail}})
	}
	job := func(left uint64, pass uint64) rpc.Job {
		return rpc.Job{Type: rpc.JobUnbounded, Params: rpc.Params{{Name: "operation", Value: int32(outgoingMigration)},
			{Name: "memory_total", Value: uint64(1 << 30)}, {Name: "memory_remaining", Value: left}, {Name: "memory_processed", Value: 1<<30 - left},
			{Name: "memory_iteration", Value: pass}, {Name: "memory_bps", Value: uint64(1 << 30)}}}
	}
	over := func() {
		from.Update(func(h *rpctest.Host) {
			h.Domains = slices.DeleteFunc(h.Domains, func(x *rpctest.Domain) bool { return x.Name == d.Name && !x.Persistent })
		})
		from.Domain(d.Name, func(x *rpctest.Domain) {
			x.ID, x.State, x.Job = -1, rpc.State{State: rpc.Shutoff, Reason: rpc.ShutoffMigrated}, rpc.Job{}
		})
		life(from, rpc.EventStopped, 3)
	}
	if m.Flags&rpc.PostcopyResume != 0 {
		status(from, "postcopy-recover")
		status(from, "postcopy-active")
		from.Domain(d.Name, func(x *rpctest.Domain) { x.State.Reason = rpc.PausedPostcopy })
		to.Domain(d.Name, func(x *rpctest.Domain) { x.State.Reason = rpc.RunningPostcopy })
		time.Sleep(200 * time.Millisecond)
		status(from, "completed")
		status(to, "completed")
		to.Domain(d.Name, func(x *rpctest.Domain) { x.State.Reason = rpc.RunningMigrated })
		over()
		return nil
	}
	was := rpctest.Domain{}
	from.Domain(d.Name, func(x *rpctest.Domain) { was = *x; x.Job = job(1<<30, 1) })
	to.Update(func(h *rpctest.Host) {
		came := was
		came.ID, came.State, came.Job = 77, rpc.State{State: rpc.Paused, Reason: rpc.PausedMigration}, rpc.Job{}
		h.Domains = append(h.Domains, &came)
	})
	status(from, "setup")
	status(from, "active")
	status(to, "active")
	for pass := range uint64(2) {
		word := fmt.Sprintf(`{"pass":%d}`, pass+1)
		from.Emit(rpc.Event{Domain: d, Monitor: &rpc.Monitor{Name: "MIGRATION_PASS", At: time.Now(), Data: json.RawMessage(word)}})
		from.Domain(d.Name, func(x *rpctest.Domain) { x.Job = job(1<<29>>pass, pass+1) })
		time.Sleep(400 * time.Millisecond)
	}
	word(from, "STOP")
	from.Domain(d.Name, func(x *rpctest.Domain) { x.State = rpc.State{State: rpc.Paused, Reason: rpc.PausedMigration} })
	status(from, "completed")
	status(to, "completed")
	to.Domain(d.Name, func(x *rpctest.Domain) { x.State = rpc.State{State: rpc.Running, Reason: rpc.RunningMigrated} })
	word(to, "RESUME")
	life(to, rpc.EventResumed, 1)
	time.Sleep(100 * time.Millisecond)
	over()
	return nil
}
