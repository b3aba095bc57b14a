package studies

import (
	"bytes"
	"fmt"

	"walm/studies/study"
)

// Index is the README of the folder: every study with its claims by verdict, from the results that are committed.
func Index() ([]byte, error) {
	var b bytes.Buffer
	fmt.Fprint(&b, "# Studies\n\nPublications on live migration, reproduced claim by claim on real QEMU. Each folder holds the experiments, their "+
		"raw results,\nand a page that says of every claim whether it holds. `walm study list` shows the same.\n\n")
	fmt.Fprint(&b, "| study | publication |")
	for _, v := range study.Verdicts() {
		fmt.Fprintf(&b, " %s |", v)
	}
	fmt.Fprint(&b, "\n|---|---|---|---|---|---|---|\n")
	for _, s := range All() {
		publication := s.Source
		if publication == "" {
			publication = "walm's own: " + s.Title
		}
		d, err := s.Committed()
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&b, "| [%s](%s/README.md) | %s |", s.Name, s.Name, publication)
		count := study.Count(s.Answers(d))
		for _, v := range study.Verdicts() {
			fmt.Fprintf(&b, " %d |", count[v])
		}
		fmt.Fprintln(&b)
	}
	fmt.Fprint(&b, "\nBesides, walm's own: [first-moves](first-moves/README.md), its forecasts beside what happened, and what its methods cost;\n"+
		"[generators](generators/README.md), whether the guest's load is what was asked for; [endurance](endurance/README.md), two\n"+
		"hundred trials in a row; [guestperf](guestperf/README.md), trials an hour beside QEMU's own tool;\n"+
		"[versions](versions/README.md), every two versions of QEMU by every method, and what is refused;\n"+
		"[libvirt-moves](libvirt-moves/README.md), moves between real libvirts, and of disks;\n"+
		"[remote-source](remote-source/README.md), forecasts from the host and from elsewhere;\n"+
		"[faults](faults/README.md), one thing that goes wrong in each phase of each method;\n"+
		"[killed](killed/README.md), walm killed at random instants;\n"+
		"[cancels](cancels/README.md), cancelled moves over one channel and over two, and the QEMUs that never end them;\n"+
		"[kvm-hosts](kvm-hosts/README.md), moves between hosts with KVM, which are switched off on the way;\n"+
		"[fuzzed](fuzzed/README.md), what each parser was given.\n")
	return b.Bytes(), nil
}
