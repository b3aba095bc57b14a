package rpctest

import (
	"fmt"

	"walm/hypervisor/libvirt/rpc"
)

// remote answers a call of the remote program.
func (s *Server) remote(c *client, number uint32, in *In) (*Out, error) {
	switch number {
	case perform3:
		return s.migrate(in)
	case register:
		w := wanted{kind: rpc.EventKind(in.Num())}
		if in.Num() != 0 {
			w.domain = in.Dom().UUID
		}
		return c.register(w), nil
	case deregister:
		return c.deregister(in.Num()), nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	h := &s.host
	out := new(Out)
	switch number {
	case authList:
		return out.Num(len(h.Auth)).Num(h.Auth...), nil
	case connectOpen, connectClose:
		return out, nil
	case supportsFeature:
		return out.Num(1), nil
	case connectVersion:
		return out.Long(uint64(h.QEMUVersion)), nil
	case libVersion:
		return out.Long(uint64(h.LibVersion)), nil
	case hostname:
		return out.Str(h.Name), nil
	case connectURI:
		return out.Str(h.URI), nil
	case capabilities:
		return out.Str(h.Capabilities), nil
	case domainCapabilities:
		return out.Str(h.DomainCaps), nil
	case freeMemory:
		return out.Long(h.FreeMemory), nil
	case listAll:
		in.Num()
		return h.list(rpc.ListFlags(in.Num())), nil
	case allStats:
		return h.stats(in)
	case lookupName:
		n := in.Str()
		return found(h.where(func(d *Domain) bool { return d.Name == n }, fmt.Sprintf("name '%s'", n)))
	case lookupUUID:
		var u rpc.UUID
		copy(u[:], in.take(16))
		return found(h.where(func(d *Domain) bool { return d.UUID == u }, fmt.Sprintf("uuid '%s'", u)))
	case lookupID:
		id := int32(in.Num())
		return found(h.where(func(d *Domain) bool { return d.ID == id && id >= 0 }, fmt.Sprintf("id '%d'", id)))
	}
	return h.ofDomain(number, in)
}

func found(d *Domain, err error) (*Out, error) {
	if err != nil {
		return nil, err
	}
	return new(Out).Dom(d.Domain), nil
}

func (h *Host) list(flags rpc.ListFlags) *Out {
	var all []*Domain
	for _, d := range h.Domains {
		kind := rpc.ListInactive
		if d.ID >= 0 {
			kind = rpc.ListActive
		}
		if flags == 0 || flags&kind != 0 {
			all = append(all, d)
		}
	}
	out := new(Out).Num(len(all))
	for _, d := range all {
		out.Dom(d.Domain)
	}
	return out.Num(len(all))
}

func (h *Host) stats(in *In) (*Out, error) {
	var all []*Domain
	for range in.Num() {
		if d, err := h.find(in.Dom()); err == nil { // libvirt leaves out those that are gone
			all = append(all, d)
		}
		if in.Bad {
			return nil, nil
		}
	}
	if all == nil {
		all = h.Domains
	}
	out := new(Out).Num(len(all))
	for _, d := range all {
		out.Dom(d.Domain).Params(d.stats())
	}
	return out, nil
}

// ofDomain answers a call about one domain.
func (h *Host) ofDomain(number uint32, in *In) (*Out, error) {
	known := map[uint32]func(d *Domain, in *In) (*Out, error){
		domainXML: (*Domain).xml, domainInfo: (*Domain).info, domainState: (*Domain).state,
		isPersistent:   func(d *Domain, _ *In) (*Out, error) { return new(Out).Num(truth(d.Persistent)), nil },
		hasManagedSave: func(d *Domain, _ *In) (*Out, error) { return new(Out).Num(truth(d.ManagedSave)), nil },
		snapshotNum:    func(d *Domain, _ *In) (*Out, error) { return new(Out).Num(d.Snapshots), nil },
		getDowntime:    func(d *Domain, _ *In) (*Out, error) { return new(Out).Long(d.Downtime), nil },
		domainSuspend:  (*Domain).suspend, domainResume: (*Domain).resume, jobStats: (*Domain).jobStats,
		abortJob: (*Domain).abort, abortFlags: (*Domain).abort, startPostcopy: (*Domain).postcopy,
		setDowntime: (*Domain).setDowntime, setSpeed: (*Domain).setSpeed, startDirtyRate: (*Domain).startDirtyRate,
	}
	answer := known[number]
	if answer == nil {
		return nil, &rpc.Error{Code: 39, Domain: 7, Message: fmt.Sprintf("unknown procedure: %d", number)}
	}
	d, err := h.find(in.Dom())
	if err != nil {
		return nil, err
	}
	return answer(d, in)
}

func (d *Domain) xml(in *In) (*Out, error) {
	if rpc.XMLFlags(in.Num())&rpc.XMLInactive != 0 && d.InactiveXML != "" {
		return new(Out).Str(d.InactiveXML), nil
	}
	return new(Out).Str(d.XML), nil
}

func (d *Domain) info(*In) (*Out, error) {
	return new(Out).Num(int(d.State.State)).Long(d.KiB, d.KiB).Num(d.VCPUs).Long(0), nil
}

func (d *Domain) state(*In) (*Out, error) {
	return new(Out).Num(int(d.State.State), int(d.State.Reason)), nil
}

func (d *Domain) running() error {
	if d.ID < 0 {
		return &rpc.Error{Code: rpc.OperationInvalid, Domain: 10, Message: "Requested operation is not valid: domain is not running"}
	}
	return nil
}

func (d *Domain) suspend(*In) (*Out, error) {
	if err := d.running(); err != nil {
		return nil, err
	}
	d.State = rpc.State{State: rpc.Paused, Reason: 1}
	return new(Out), nil
}

func (d *Domain) resume(*In) (*Out, error) {
	if err := d.running(); err != nil {
		return nil, err
	}
	d.State = rpc.State{State: rpc.Running, Reason: 5}
	return new(Out), nil
}

func (d *Domain) jobStats(in *In) (*Out, error) {
	job := d.Job
	if in.Num()&1 != 0 {
		job = d.Completed
	} else if err := d.running(); err != nil {
		return nil, err
	}
	return new(Out).Num(int(job.Type)).Params(job.Params), nil
}

func (d *Domain) job() error {
	if err := d.running(); err != nil {
		return err
	}
	if !d.Job.Type.Active() {
		return &rpc.Error{Code: rpc.OperationInvalid, Domain: 10, Message: "Requested operation is not valid: no job is active on the domain"}
	}
	return nil
}

// abort ends the job. A migration that is under way sees it in the domain's job.
func (d *Domain) abort(*In) (*Out, error) {
	if err := d.job(); err != nil {
		return nil, err
	}
	if d.State.State == rpc.Paused && d.State.Reason == rpc.PausedPostcopy {
		return nil, &rpc.Error{Code: rpc.OperationInvalid, Domain: 10, Message: "Requested operation is not valid: cannot abort migration in post-copy mode"}
	}
	d.Completed = rpc.Job{Type: rpc.JobCancelled, Params: d.Job.Params}
	d.Job = rpc.Job{}
	return new(Out), nil
}

func (d *Domain) postcopy(*In) (*Out, error) {
	if err := d.job(); err != nil {
		return nil, err
	}
	d.State = rpc.State{State: rpc.Paused, Reason: rpc.PausedPostcopy}
	return new(Out), nil
}

func (d *Domain) setDowntime(in *In) (*Out, error) {
	d.Downtime = in.Long()
	return new(Out), d.running()
}

func (d *Domain) setSpeed(in *In) (*Out, error) {
	d.Speed = in.Long()
	return new(Out), d.running()
}

func (d *Domain) startDirtyRate(in *In) (*Out, error) {
	d.DirtyRate = in.Num()
	return new(Out), d.running()
}

// migrate answers when the migration is over.
func (s *Server) migrate(in *In) (*Out, error) {
	m := Migration{Domain: in.Dom(), Destination: in.Maybe(), Params: in.Params()}
	in.Str() // the cookie
	m.Flags = rpc.MigrateFlags(in.Num())
	s.mu.Lock()
	d, err := s.host.find(m.Domain)
	if err == nil {
		err = d.running()
	}
	carryOut := s.host.Migrate
	s.mu.Unlock()
	switch {
	case in.Bad || err != nil:
		return nil, err
	case carryOut == nil:
		return nil, &rpc.Error{Code: rpc.NoSupport, Domain: 10, Message: "this function is not supported by the connection driver: virDomainMigrate"}
	}
	if err := carryOut(s, m); err != nil {
		return nil, err
	}
	return new(Out).Str(""), nil
}

// qemu answers a call of the QEMU program.
func (s *Server) qemu(c *client, number uint32, in *In) (*Out, error) {
	switch number {
	case qemuRegister:
		w := wanted{monitor: true}
		if in.Num() != 0 {
			w.domain = in.Dom().UUID
		}
		return c.register(w), nil
	case qemuDeregister:
		return c.deregister(in.Num()), nil
	case qemuCommand:
		d, command := in.Dom(), in.Str()
		s.mu.Lock()
		monitor := s.host.Monitor
		s.mu.Unlock()
		if monitor != nil {
			reply, err := monitor(d, command)
			return new(Out).Str(reply), err
		}
	}
	return nil, &rpc.Error{Code: 39, Domain: 7, Message: fmt.Sprintf("unknown procedure: %d", number)}
}
