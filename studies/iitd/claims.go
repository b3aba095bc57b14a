package iitd

import (
	"walm/studies/study"
)

func claims() []study.Claim {
	return []study.Claim{
		{ID: "B-III", Text: "Six VMs with their own sizes and programs, one read-only image on NFS, redo files for changes",
			Published: "2 hosts, E5540, 12 GB", Check: setUp},
		{ID: "B-Eq1", Text: "Pre-copy: total time is that of all passes plus an overhead", Published: "definition",
			Check: study.Needs(passesAndOverhead, "crossed")},
		{ID: "B-Eq2", Text: "Post-copy: total time is the overhead alone", Published: "definition",
			Check: study.Needs(overheadAlone, "crossed")},
		{ID: "B-Eq3", Text: "Pre-copy: downtime is that of the dirty memory left and of the VM's state",
			Published: "definition", Check: study.Needs(dirtyMemoryLeft, "crossed")},
		{ID: "B-Eq4", Text: "Post-copy: downtime is that of the VM's state alone", Published: "definition",
			Check: study.Needs(stateAlone, "crossed")},
		{ID: "B-Fig4-6", Text: "Offline, the copy takes longer than suspend and resume", Published: "2.8, 7.3 and 0.7 s",
			Check: copyDominates},
		{ID: "B-Fig4-6-size", Text: "Offline, the phases grow with the size of the VM", Published: "figures 4 to 6",
			Check: study.Needs(phasesGrow, "crossed")},
		{ID: "B-Fig7", Text: "Offline, downtime is the total time", Published: "10.8 s both", Check: offlineAllDown},
		{ID: "B-Fig7-size", Text: "Offline, total time grows with the size of the VM", Published: "figure 7",
			Check: study.Rising("crossed", "memory", study.TMT, "method", "offline")},
		{ID: "B-Fig9", Text: "Live, total time depends on the size of the VM", Published: "12.5 s",
			Check: study.Rising("crossed", "memory", study.TMT, "method", "pre-copy")},
		{ID: "B-Fig10", Text: "Live, downtime follows the dirty rate and not the size", Published: "7 s",
			Check: study.Needs(followsRate, "crossed")},
		{ID: "B-almost-zero", Text: "Live migration has almost no downtime", Published: "almost zero; 7 s", Check: almostZero},
		{ID: "B-Fig11", Text: "Downtime is lower live than offline", Published: "7 s, 10.7 s", Check: lowerDowntime},
		{ID: "B-Fig12", Text: "Total time is higher live than offline", Published: "12.3 s, 10.7 s", Check: higherTotal},
		{ID: "B-II-parallel", Text: "Moving VMs in parallel takes less time in all (cited)", Published: "none",
			Check: study.CannotTest("walm moves one VM at a time so far; two at once would share this machine's two cores, and " +
				"the answer would be about those")},
		{ID: "B-II-size", Text: "Total time rises with the size of the VM (cited)", Published: "none",
			Check: study.Needs(bothRise, "crossed")},
		{ID: "B-II-models", Text: "Models predict migration times with 90 % accuracy (cited)", Published: "90 %",
			Check: study.CannotTest("the models are for Xen and are not part of the publication; walm's own forecasts are held " +
				"against outcomes in the studies walm-interim and first-moves")},
		{ID: "B-V-live", Text: "Live where the VM must stay up", Published: "conclusion", Check: lowerDowntime},
		{ID: "B-V-offline", Text: "Offline where the time of the migration matters", Published: "conclusion",
			Check: study.Needs(offlineFastest, "crossed")},
		{ID: "B-V-heavy", Text: "Heavy and light programs should be compared", Published: "future work",
			Check: study.Needs(heavyAgainstLight, "crossed")},
		{ID: "B-V-products", Text: "Xen and VMware should be compared", Published: "future work",
			Check: study.CannotTest("walm moves QEMU's VMs; Xen's stop rule on QEMU is part of the study salfner")},
	}
}
