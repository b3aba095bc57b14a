package doctor

import (
	"fmt"
	"slices"
	"strings"

	"walm/hypervisor/qmp"
)

// wanted are the migration capabilities that differ between QEMUs in use, with what the lack of one means.
var wanted = []struct{ name, without string }{
	{"postcopy-ram", "no post-copy and no hybrid"},
	{"postcopy-preempt", "in post-copy, a page that the guest waits for queues behind the others"},
	{"multifd", "one stream only"},
	{"switchover-ack", "passed-through devices cannot be waited for before the switch"},
	{"mapped-ram", "a saved state has no fixed place for each page"},
	{"dirty-limit", "auto-converge slows every vCPU alike"},
}

func programFinding(p program, a answers) Finding {
	f := Finding{Name: p.String(), Level: OK}
	var has, lacks, means []string
	for _, w := range wanted {
		if slices.Contains(a.capabilities, w.name) {
			has = append(has, w.name)
			continue
		}
		lacks, means = append(lacks, w.name), append(means, w.name+": "+w.without)
	}
	f.What = "in " + p.where
	if len(has) > 0 {
		f.What += "; has " + strings.Join(has, ", ")
	}
	if len(lacks) > 0 {
		f.Level = Note
		f.What += "; lacks " + strings.Join(lacks, ", ")
		f.Means, f.Mend = "without "+strings.Join(means, "; "), "walm does without; a newer QEMU has them"
	}
	if a.noTCG {
		f.What += "; runs under KVM only"
	}
	return f
}

// hazard is a fault that cannot be asked for, so it goes by the version: present before until, or from since on.
type hazard struct {
	since, until qmp.Version // zero: no bound
	what, means  string
	mend         string
}

// known are the faults of QEMU that walm knows how to avoid. That 7.2 and 10.0 have them was measured; where they
// begin and end is from QEMU's source.
var known = []hazard{
	{until: qmp.Version{Major: 9},
		what: "corrupts guests that move live under TCG",
		means: "with RAM of a multiple of 256 KiB, 19 of 20 guests were dead or stuck afterwards, each with status " +
			"completed; KVM is not affected",
		mend: "8 KiB more of RAM, as walm's lab takes (-m 393224K), or QEMU 9.0"},
	{since: qmp.Version{Major: 6, Minor: 2}, until: qmp.Version{Major: 9, Minor: 1},
		what:  "calc-dirty-rate in mode dirty-bitmap or dirty-ring kills it under TCG",
		means: "a tool that asks for these modes ends the VM; walm asks for page-sampling alone",
		mend:  "use page-sampling, or QEMU 9.1"},
	{since: qmp.Version{Major: 9, Minor: 1},
		what:  "calc-dirty-rate in mode dirty-bitmap answers 0 under TCG",
		means: "a VM that writes looks idle; walm asks for page-sampling alone",
		mend:  "use page-sampling"},
	{until: qmp.Version{Major: 9},
		what:  "says completed before it has the totals",
		means: "time and downtime read at once can be 0 (in 2 of 15 moves); walm asks again until they are there",
		mend:  "other tools: ask until total-time is above 0, or QEMU 9.0"},
	{until: qmp.Version{Major: 10},
		what:  "migrate_cancel during post-copy destroys the VM",
		means: "the command succeeds and the VM runs nowhere; walm never sends it then",
		mend:  "do not send it by hand either, or QEMU 10.0, which refuses it"},
}

func hazards(v qmp.Version) []Finding {
	var all []Finding
	for _, h := range known {
		if h.until != (qmp.Version{}) && !before(v, h.until) || before(v, h.since) {
			continue
		}
		all = append(all, Finding{Name: fmt.Sprintf("QEMU %s", v), Level: Note, What: h.what, Means: h.means, Mend: h.mend})
	}
	return all
}

func before(v, w qmp.Version) bool {
	return v.Major < w.Major || v.Major == w.Major && v.Minor < w.Minor
}
