package experiment

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"walm/decide/peer"
	"walm/lab/debian"
	"walm/vm"
)

// setting is a key that base and factors know. Every other key is a variable of the workload.
type setting struct {
	name     string
	fallback string // what holds where the file says nothing; empty: nothing
	values   string // what may be written
	what     string
	hard     bool     // a change needs a guest that boots anew
	scaled   bool     // divided by the file's scale
	with     []string // values of method that it goes with; none: all
	set      func(s *Setup, text string) error
}

// settings are all of them, in the order in which they are set: a method brings its parameters' defaults, which those
// behind it change.
func settings() []setting {
	const hard, scaled = true, true
	var all []string
	choices := []string{string(Walm), string(Random)}
	peers := peer.Names()
	or := func(methods ...vm.Method) []string {
		var names []string
		for _, m := range methods {
			names = append(names, string(m))
		}
		return append(names, choices...)
	}
	live := or(vm.PreCopy, vm.AutoConverge, vm.PostCopy, vm.Hybrid)
	postcopies := or(vm.PostCopy, vm.Hybrid)
	return []setting{
		{"qemu", "10.0", "7.2, 10.0", "version of QEMU on host a, or its Debian suite", hard, false, all,
			func(s *Setup, t string) (err error) { s.QEMU, err = suite(t); return }},
		{"destination", "", "7.2, 10.0", "version of QEMU on host b; as qemu where not said", hard, false, all,
			func(s *Setup, t string) (err error) { s.Destination, err = suite(t); return }},
		{"accel", "tcg", "tcg, kvm", "accelerator", hard, false, all,
			func(s *Setup, t string) error { s.Accelerator = t; return oneOf(t, "tcg", "kvm") }},
		{"vcpus", "1", "1 to 64", "virtual CPUs of the guest", hard, false, all,
			func(s *Setup, t string) (err error) { s.VCPUs, err = whole(t, 1, 64); return }},
		{"memory", "512MiB", "a size", "memory of the guest", hard, scaled, all,
			func(s *Setup, t string) (err error) { s.Memory, err = size(t); return }},
		{"spare", "0MiB", "a size", "added to memory after scaling, for the guest's own kernel, which does not scale", hard, false, all,
			func(s *Setup, t string) (err error) { s.Spare, err = size(t); return }},
		{"link", "1Gbit/s", "a rate, none", "speed of each host's uplink; none: as fast as the machine is", false, scaled, all,
			func(s *Setup, t string) (err error) { s.Link, err = rate(t); return }},
		{"separate", "false", "true, false", "migrations have a network of their own", hard, false, all,
			func(s *Setup, t string) (err error) { s.Separate, err = truth(t); return }},
		{"storage", "none", "none, nfs, iscsi, nbd, copied", "where the guest's disk is; copied: on the host, mirrored to the other one",
			hard, false, all, setStorage},
		{"method", "pre-copy", "a method, walm, random, a peer",
			"how the VM is moved: by one of the six methods; or walm chooses, or chance, or a [peer](peers.md): a model of what others do",
			false, false, all, setMethod},
		{"peer-scale", "", "a number", "divides a peer's waits and budgets, for guests smaller than those it was made for; 1 where not said",
			false, false, peers, func(s *Setup, t string) (err error) { s.PeerScale, err = number(t, 1, 1000); return }},
		{"among", "", "methods", "what a choice may pick, a list; any method where not said", false, false, choices, setAmong},
		{"profile", "balanced", "balanced, evacuate, gentle, safe", "what walm's choice weighs", false, false, []string{string(Walm)},
			func(s *Setup, t string) error {
				s.Profile = t
				return oneOf(t, "balanced", "evacuate", "gentle", "safe")
			}},
		{"stop-rule", "qemu", "qemu, xen", "what ends pre-copy: QEMU's own rule, or Xen's, imposed from outside", false, false,
			[]string{string(vm.PreCopy)},
			func(s *Setup, t string) error {
				s.StopRule = StopRule(t)
				return oneOf(t, string(QEMURule), string(XenRule))
			}},
		{"downtime-limit", "", "a time", "the VM may be stopped once the rest fits into this; QEMU's default is 300ms", false, false, live,
			func(s *Setup, t string) (err error) { s.Params.DowntimeLimit, err = duration(t); return }},
		{"bandwidth", "", "a rate, none", "cap on the stream while the VM runs", false, scaled, all,
			func(s *Setup, t string) (err error) { s.Params.Bandwidth, err = rate(t); return }},
		{"postcopy-bandwidth", "", "a rate, none", "cap on post-copy's background stream", false, scaled, postcopies,
			func(s *Setup, t string) (err error) { s.Params.PostcopyBandwidth, err = rate(t); return }},
		{"passes", "", "1 to 1000", "pre-copy passes before the switch; 1 where not said", false, false, or(vm.Hybrid),
			func(s *Setup, t string) (err error) { s.Params.Passes, err = whole(t, 1, 1000); return }},
		{"preempt", "", "true, false", "faulted pages on a channel of their own", false, false, postcopies,
			func(s *Setup, t string) (err error) { s.Params.Preempt, err = truth(t); return }},
		{"multifd", "", "0 to 255", "parallel channels; 0: one stream. QEMU up to 10.0 refuses them for post-copy", false, false,
			or(vm.StopAndCopy, vm.PreCopy, vm.AutoConverge),
			func(s *Setup, t string) (err error) { s.Params.Multifd, err = whole(t, 0, 255); return }},
		{"compression", "", "none, zstd, zlib", "how what parallel channels carry is packed; goes with multifd", false, false,
			or(vm.StopAndCopy, vm.PreCopy, vm.AutoConverge),
			func(s *Setup, t string) (err error) { s.Params.Compression, err = vm.ParseCompression(t); return }},
		{"throttle-initial", "", "1 to 99", "first throttle, percent of the vCPUs' time; 20 where not said", false, false, or(vm.AutoConverge),
			func(s *Setup, t string) (err error) { s.Params.ThrottleInitial, err = whole(t, 1, 99); return }},
		{"throttle-increment", "", "1 to 99", "step, percent; 10 where not said", false, false, or(vm.AutoConverge),
			func(s *Setup, t string) (err error) { s.Params.ThrottleIncrement, err = whole(t, 1, 99); return }},
		{"throttle-max", "", "1 to 99", "limit, percent; 99 where not said", false, false, or(vm.AutoConverge),
			func(s *Setup, t string) (err error) { s.Params.ThrottleMax, err = whole(t, 1, 99); return }},
		{"limit", "2m", "a time", "a migration that has not ended by then is cancelled, and its trial censored", false, false, all,
			func(s *Setup, t string) (err error) { s.Limit, err = duration(t); return }},
		{"forecasts", "false", "true, false", "forecast every method before the migration, and keep the forecasts", false, false, all,
			func(s *Setup, t string) (err error) { s.Forecasts, err = truth(t); return }},
		{"workload", "idle", "a workload", "what the guest is busy with; {name} stands for a variable", false, scaled, all, nil},
	}
}

// settingNames are the names in the order of settings.
func settingNames() []string {
	var names []string
	for _, s := range settings() {
		names = append(names, s.name)
	}
	return names
}

func setMethod(s *Setup, t string) (err error) {
	switch t {
	case string(Walm), string(Random):
		s.Choice = Choice(t)
		return nil
	}
	if slices.Contains(peer.Names(), t) {
		s.Choice, s.Peer = Peer, t
		return nil
	}
	s.Choice = Fixed
	if s.Method, err = vm.ParseMethod(t); err != nil {
		return fmt.Errorf("%w, walm, random, or a peer: %s", err, strings.Join(peer.Names(), ", "))
	}
	s.Params = vm.DefaultParams(s.Method)
	return nil
}

func setStorage(s *Setup, t string) error {
	s.Storage = Storage(t)
	return oneOf(t, string(NoDisk), string(NFS), string(ISCSI), string(NBD), string(Copied))
}

func setAmong(s *Setup, t string) error {
	for name := range strings.SplitSeq(t, ",") {
		m, err := vm.ParseMethod(strings.TrimSpace(name))
		if err != nil {
			return err
		}
		if slices.Contains(s.Among, m) {
			return fmt.Errorf("%s is there twice", m)
		}
		s.Among = append(s.Among, m)
	}
	return nil
}

func suite(t string) (debian.Suite, error) {
	switch t {
	case "7.2", string(debian.Bookworm):
		return debian.Bookworm, nil
	case "10.0", string(debian.Backports):
		return debian.Backports, nil
	}
	return "", fmt.Errorf("%q is no version of QEMU that Debian 12 has: 7.2 or 10.0", t)
}

func oneOf(t string, allowed ...string) error {
	if !slices.Contains(allowed, t) {
		return fmt.Errorf("%q%s: one of %s", t, meant(t, allowed), strings.Join(allowed, ", "))
	}
	return nil
}

func whole(t string, lo, hi int) (int, error) {
	n, err := strconv.Atoi(t)
	if err != nil || n < lo || n > hi {
		return 0, fmt.Errorf("%q: a whole number from %d to %d", t, lo, hi)
	}
	return n, nil
}

func number(t string, lo, hi float64) (float64, error) {
	x, err := strconv.ParseFloat(t, 64)
	if err != nil || !(x >= lo && x <= hi) {
		return 0, fmt.Errorf("%q: a number from %g to %g", t, lo, hi)
	}
	return x, nil
}

func truth(t string) (bool, error) {
	switch t {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, fmt.Errorf("%q: true or false", t)
}

func size(t string) (vm.Bytes, error) {
	b, err := vm.ParseBytes(t)
	if err == nil && (b < 0 || b > 64*vm.TiB) {
		err = fmt.Errorf("%q: from nothing to 64TiB", t)
	}
	return b, err
}

func rate(t string) (vm.Rate, error) {
	if t == "none" {
		return 0, nil
	}
	r, err := vm.ParseRate(t)
	if err == nil && !(r > 0) {
		err = fmt.Errorf("%q: above zero, or none", t)
	}
	return r, err
}

func duration(t string) (time.Duration, error) {
	d, err := time.ParseDuration(t)
	if err != nil {
		return 0, fmt.Errorf("%q is no time: write for example 300ms, 90s or 2m", t)
	}
	if d <= 0 {
		return 0, errors.New("a time above zero")
	}
	return d, nil
}
