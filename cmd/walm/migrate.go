package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"walm/decide"
	"walm/decide/peer"
	"walm/hypervisor/qemu"
	"walm/journal"
	"walm/move"
	"walm/vm"
)

// migration is the migrate command as it was asked for.
type migration struct {
	display
	at        connection
	virsh     virshFlags
	stream    stream
	timing    timing
	policy    decide.Policy
	peer      peer.Peer
	tune      vm.Params
	noPreempt bool
	bare      bool // a rate was given without a unit
	to        string
	listen    string
	link      vm.Rate
	dryRun    bool
	shadow    bool
	copyDisks bool
	takeUp    time.Duration
	stateDir  string
}

func newMigrate() *cobra.Command {
	var m migration
	cmd := &cobra.Command{
		Use:   "migrate {DOMAIN DESTURI [MIGRATEURI] | VM --to VM --listen HOST:PORT}",
		Short: "Move a running VM to another host",
		Long: `migrate watches the VM for some seconds, forecasts what every method would cost, picks the one that suits the profile
and the limits, moves the VM, and shows predicted beside measured.

A libvirt domain is named as virsh names it, and virsh migrate's options mean what they mean there; without --direct the
source's libvirt connects to DESTURI, as with --p2p. --like runs a virsh line as it is, and shows what walm would have
chosen.

A VM without libvirt is named by its QMP socket: qmp+unix:///path. The destination is a QEMU with the same machine type,
CPU and RAM that was started with -incoming defer; it will listen on HOST:PORT, an address of its own host.

Between hosts the VM's memory is encrypted, and both hosts prove who they are: by certificates, which walm pki makes, or
with --tls=psk by a key that both hold. Where that cannot be, nothing is moved unless --insecure-stream is given. On one
machine it is not encrypted unless --tls is given.

The first Ctrl-C cancels with the VM safe at the source; once post-copy has begun nothing can be cancelled any more. A
post-copy that the network interrupts is taken up again as soon as it is back.

` + exitHelp,
		Example: `  walm migrate -c qemu:///system vm1 qemu+tls://beta/system
  walm migrate vm1 qemu+tcp://beta/system --persistent --undefinesource --max-downtime 500ms
  walm migrate --like 'virsh migrate --live --tls --postcopy --postcopy-after-precopy vm1 qemu+tls://beta/system'
  walm migrate qmp+unix:///run/a.qmp --to qmp+unix:///run/b.qmp --listen 127.0.0.1:49152
  walm migrate qmp+unix:///run/a.qmp --to qmp+unix:///run/b.qmp --listen 127.0.0.1:49152 --dry-run
  walm migrate qmp+unix:///run/a.qmp --to qmp+unix:///run/b.qmp --listen 127.0.0.1:49152 \
      --profile gentle --max-downtime 500ms --no-post-copy -o json`,
		Args: m.args,
		RunE: func(cmd *cobra.Command, args []string) error {
			return m.during(cmd, func(ctx context.Context) error { return m.run(ctx, cmd.Flags(), args) })
		},
	}
	fs := cmd.Flags()
	m.at.flags(fs)
	m.virsh.flags(fs)
	m.stream.flags(fs)
	fs.StringVar(&m.to, "to", "", "without libvirt: the QEMU that waits for the VM (-incoming defer)")
	fs.StringVar(&m.listen, "listen", "", "without libvirt: HOST:PORT on which the destination is to listen")
	policyFlags(fs, &m.policy)
	m.timing.flags(fs)
	tuneFlags(fs, &m.tune, &m.noPreempt, bareRate(&m.bare))
	parsed(fs, &m.link, "link", "RATE", "", "bandwidth of the link (default: measured with a short burst)", rate)
	fs.BoolVar(&m.copyDisks, "copy-disks", false,
		"without libvirt: copy the disks first, to empty images of the same size at the\ndestination, on the port after that of --listen: for hosts that share none")
	fs.BoolVar(&m.dryRun, "dry-run", false, "forecast, check and choose, but move nothing")
	fs.BoolVar(&m.shadow, "shadow", false,
		"once the VM moves, do nothing on the way but keep to the deadline, and show what would have been done")
	takeUpFlag(fs, &m.takeUp)
	fs.StringVar(&m.html, "html", "", "write a report as one HTML page to this file")
	fs.StringVar(&m.stateDir, "state-dir", "", "folder for walm's journal, and for the state file of offline (default: $WALM_STATE or /var/lib/walm)")
	m.flags(fs)
	peerFlag(cmd, &m.peer)
	return cmd
}

// run moves the VM.
func (m *migration) run(ctx context.Context, given *pflag.FlagSet, args []string) error {
	if err := errors.Join(m.policy.Check(), m.forked(), m.timing.check(), m.stream.check(), writable(m.html)); err != nil {
		return err
	}
	v, err := m.embark(ctx, given, args)
	if err != nil {
		return err
	}
	defer v.Close()
	if !m.dryRun {
		if err := v.clear(); err != nil {
			return err
		}
	}
	if err := v.refused(ctx); err != nil {
		return err
	}
	view, err := eye(ctx, v.subject, m.step)
	if err != nil {
		return err
	}
	r := move.Request{VM: v.name, Source: v.runs, Target: v.target, Eye: view, Pair: v.pair,
		Host: constants(ctx, v.dir, v.hosts, v.defaults(), m.err), Policy: m.policy, Tune: m.tuned, Shadow: m.shadow, Journal: v.log,
		Order: v.order, Steer: v.steer, TakeUp: m.takeUp, Step: m.step, Walm: version, Route: v.route.text()}
	steered(&r, m.peer, m.tune.Bandwidth)
	if m.link > 0 {
		r.Link = &vm.Link{Bandwidth: m.link, Err: m.link / 50, Source: "given"}
	}
	when, err := m.timing.moment(ctx, v.subject, r, !m.dryRun)
	if err != nil {
		return err
	}
	r.When = when
	rec, err := m.move(ctx, r)
	keep(ctx, v.dir, rec, v.hosts, m.err)
	for _, line := range v.after(rec) {
		fmt.Fprintf(m.err, "walm: %s\n", line)
	}
	return err
}

// move carries a request through, showing every stage.
func (m *migration) move(ctx context.Context, r move.Request) (move.Record, error) {
	rec, err := move.Advise(ctx, r)
	if rec.Forecasts != nil {
		show := m.forecasts
		if m.dryRun {
			show = m.advice
		}
		err = errors.Join(err, show(rec))
	}
	if err != nil || m.dryRun {
		return rec, err
	}
	r.Watch = m.watch(&rec)
	rec, err = move.Carry(ctx, r, rec)
	if rec.Outcome.Result == "" {
		return rec, err // nothing was begun
	}
	// From here on what counts is where the VM is: no failure to write or to measure may hide that.
	err = errors.Join(outcome(rec), err, m.outcome(rec))
	if c := (coded{}); err != nil && !errors.As(err, &c) {
		return rec, coded{exitUsage, fmt.Errorf("the VM has moved; but %w", err)}
	}
	return rec, err
}

// forks says whether a method's stream can be several: QEMU before 10.1 sends what post-copy may end over one.
func forks(m vm.Method) bool { return m == vm.PreCopy || m == vm.AutoConverge || m == vm.StopAndCopy }

// forked refuses what was asked of channels that the method asked for cannot have.
func (m *migration) forked() error {
	method := m.policy.Method
	switch {
	case method == "" || forks(method):
	case m.tune.Multifd > 0:
		return fmt.Errorf("--multifd does not go with --method %s, which has one stream", method)
	case m.tune.Compression != "" && m.tune.Compression != unpacked:
		return fmt.Errorf("--compression does not go with --method %s: only what channels beside the stream carry is compressed", method)
	}
	return nil
}

// channels puts in what the user said of parallel channels.
func (m *migration) channels(p vm.Params) vm.Params {
	switch c := m.tune.Compression; c {
	case "":
	case unpacked:
		p.Multifd, p.Compression = 0, ""
	default:
		p.Multifd, p.Compression = max(p.Multifd, vm.SafeMultifd), c
	}
	if m.tune.Multifd > 0 {
		p.Multifd = m.tune.Multifd
	}
	if p.Multifd > 0 {
		p.Postcopy, p.Preempt = false, false // QEMU before 10.1 cannot do both
	}
	return p
}

// tuned puts the user's own parameters into a method's.
func (m *migration) tuned(method vm.Method, p vm.Params) vm.Params {
	if m.tune.Bandwidth > 0 {
		p.Bandwidth = m.tune.Bandwidth
	}
	if m.tune.Switchover > 0 && p.DowntimeLimit > 0 && method != vm.PostCopy {
		p.Switchover = m.tune.Switchover
	}
	if m.tune.PostcopyBandwidth > 0 && (method.Postcopies() || p.Postcopy) {
		p.PostcopyBandwidth = m.tune.PostcopyBandwidth
	}
	if method == vm.Hybrid && m.tune.Passes > 0 {
		p.Passes = m.tune.Passes
	}
	if forks(method) {
		p = m.channels(p)
	}
	if method == vm.AutoConverge && m.tune.ThrottleInitial > 0 {
		p.ThrottleInitial = m.tune.ThrottleInitial
	}
	if method == vm.AutoConverge && m.tune.ThrottleIncrement > 0 {
		p.ThrottleIncrement = m.tune.ThrottleIncrement
	}
	if m.noPreempt {
		p.Preempt = false
	}
	return p
}

func listenAddress(s string) error {
	host, port, err := net.SplitHostPort(s)
	if err != nil || host == "" {
		return fmt.Errorf("--listen %q is not HOST:PORT, an address of the destination's host", s)
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		return fmt.Errorf("--listen %q: the source connects to this address too, so name one of the destination's host", s)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n < 1 {
		return fmt.Errorf("--listen %q has no port from 1 to 65535", s)
	}
	return nil
}

// stateDir is where journals and state files go.
func stateDir(given string) (string, error) {
	for _, dir := range []string{given, os.Getenv("WALM_STATE"), "/var/lib/walm"} {
		if dir == "" {
			continue
		}
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return "", fmt.Errorf("make walm's state folder (name another with --state-dir): %w", err)
		}
		return dir, nil
	}
	return "", nil
}

// claim opens the journal of the VM of a QMP socket, which one walm at a time can hold.
func claim(dir, socket string) (*journal.Journal, error) {
	return claimAs(dir, journalName(socket), qemu.Scheme+socket)
}

// claimAs opens the journal of that name, of a VM that is named so on the command line.
func claimAs(dir, id, vm string) (*journal.Journal, error) {
	log, err := journal.Open(dir, id)
	var busy *journal.ErrBusy
	if errors.As(err, &busy) {
		return nil, fail(exitBusy, "%[1]s is being moved by process %[2]d: wait for it, or end its migration with walm abort %[1]s",
			vm, busy.PID)
	}
	return log, err
}
