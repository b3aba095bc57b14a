package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"walm/hypervisor/libvirt/rpc"
	"walm/hypervisor/libvirt/rpc/rpctest"
)

// startLibvirt NAME DOMAIN... starts a fake libvirtd of a host of that name as $NAME, its URI, with domains such as "vm1", or
// with a word of what is the matter with one: "vm1=off", "vm1=paused", "vm1=migrating", "vm1=in-post-copy", "vm1=incoming",
// "vm1=saved", "vm1=snapshots". Ids are given from 1 on.
func startLibvirt(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: libvirt NAME DOMAIN...")
	}
	name := args[0]
	h := rpctest.Host{Name: name, QEMUVersion: 10_000_002, LibVersion: 11_003_000}
	for i, a := range args[1:] {
		d, err := fakeDomain(a, int32(i+1))
		ts.Check(err)
		h.Domains = append(h.Domains, d)
	}
	h.Migrate = func(s *rpctest.Server, m rpctest.Migration) error { return carry(s, ts.Getenv("OTHER"), m) }
	path := filepath.Join(ts.MkAbs("."), name)
	s, err := rpctest.Listen(path, h)
	ts.Check(err)
	ts.Defer(s.Close)
	ts.Setenv(strings.ToUpper(name), "qemu+unix:///system?socket="+path)
}

func fakeDomain(setting string, id int32) (*rpctest.Domain, error) {
	name, what, _ := strings.Cut(setting, "=")
	d := rpctest.Running(name, id)
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
	case "snapshots":
		d.Snapshots = 2
	case "migrating":
		d.Job = job
	case "in-post-copy":
		d.Job, d.State = job, rpc.State{State: rpc.Paused, Reason: rpc.PausedPostcopy}
	case "incoming":
		job.Params[0].Value = int32(incomingMigration)
		d.Job, d.State = job, rpc.State{State: rpc.Paused, Reason: rpc.PausedMigration}
	default:
		return nil, fmt.Errorf("unknown setting %q of a domain", setting)
	}
	return d, nil
}

// carry is a migration that takes a quarter of a second.
func carry(*rpctest.Server, string, rpctest.Migration) error {
	time.Sleep(250 * time.Millisecond)
	return &rpc.Error{Code: rpc.OperationFailed, Message: "operation failed: not yet"}
}
