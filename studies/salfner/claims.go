package salfner

import "walm/studies/study"

func claims() []study.Claim {
	return []study.Claim{
		{ID: "C-Table-I", Text: "VMSIZE, WSET, PERIOD and BPC decide total time and downtime; LOAD and FILL do not",
			Published: "list of seven factors", Check: factors},
		{ID: "C-II", Text: "Downtime is what a user can perceive, and lost pings × 50 ms measure it",
			Published: "definition", Check: perceived},
		{ID: "C-III-load", Text: "The generators control how fast memory is written", Published: "none",
			Check: generator},
		{ID: "C-III-hosts", Text: "Other VMs on the hosts, and the network, have no effect", Published: "not shown",
			Check: notHere("two cores cannot carry a second VM without starving the first, and the publication shows no data")},
		{ID: "C-IV-A-Xen", Text: "The total time of an idle VM grows linearly with VMSIZE (Xen)", Published: "none",
			Check: idleGrows},
		{ID: "C-IV-A-VMware", Text: "The total time of an idle VM hardly depends on VMSIZE (VMware)", Published: "none",
			Check: idleConstant},
		{ID: "C-IV-B", Text: "CPU load has no effect on total time or downtime",
			Published: "CI95 within ±1 s of TMT, ±10 % of DT", Check: unaffected("load", "load")},
		{ID: "C-IV-C", Text: "Total time and downtime depend on the static working set", Published: "none",
			Check: staticSet},
		{ID: "C-IV-D", Text: "The share of a page that is written has no effect", Published: "none",
			Check: unaffected("fill", "fill")},
		{ID: "C-IV-E", Text: "PERIOD and BPC affect total time and downtime strongly", Published: "CI95 ≤ 5 % of the mean",
			Check: periodAndBPC},
		{ID: "C-IV-E-hot", Text: "Hot pages are put off until the VM is stopped", Published: "none", Check: hotPages},
		{ID: "C-V-RATE", Text: "PERIOD and BPC act by their ratio RATE alone", Published: "none", Check: oneRate},
		{ID: "C-V-RATE-unit", Text: "RATE counts blocks per millisecond", Published: "30,000 at the jump",
			Check: rateUnit},
		{ID: "C-V-design", Text: "The factorials held 528 × 20 and 352 × 20 migrations", Published: "10,560; 7,040",
			Check: design},
		{ID: "C-Fig1-rate", Text: "Downtime rises with RATE", Published: "figure 1", Check: downtimeOverRate},
		{ID: "C-Fig1-jump", Text: "Downtime jumps at a RATE near the link's", Published: "≈ 30,000/s", Check: jump},
		{ID: "C-Fig1-wset", Text: "Downtime is linear in WSET, whatever RATE and VMSIZE are", Published: "figure 1",
			Check: linearInWSET},
		{ID: "C-Fig2-fall", Text: "Beyond the jump total time falls as RATE grows", Published: "figure 2",
			Check: fallsBeyond},
		{ID: "C-Fig2-vmsize", Text: "VMSIZE acts on total time in a nonlinear way, except at RATE = 0",
			Published: "figure 2", Check: nonlinearVMSize},
		{ID: "C-V-A-inert", Text: "WSET has no effect at RATE = 0 (against IV-C)", Published: "figure 2", Check: inert},
		{ID: "C-Fig3", Text: "The jump is a slope when looked at closely", Published: "figure 3", Check: gradual},
		{ID: "C-Fig4", Text: "VMware's surfaces differ in shape from Xen's", Published: "figure 4",
			Check: notHere("VMware's rule is not public, and no ESX 4.0 can be had; what another rule alone does to the same " +
				"hypervisor is claim C-V-B")},
		{ID: "C-V-B", Text: "The choice of the product, by its stop rule, weighs on availability", Published: "figures 1, 4",
			Check: rules},
		{ID: "C-II-Xen-TMT", Text: "Xen's total time varies ninefold, and within a combination hardly",
			Published: "mean 89.73 s; max:min 9.01 of means, 9.10 of all; SD 6.32 s in a treatment, 39.08 s overall",
			Check:     tableII(study.TMT, 9.01)},
		{ID: "C-II-Xen-DT", Text: "Xen's downtime varies threefold, and within a combination hardly",
			Published: "mean 7.69 s; max:min 3.17 of means, 3.46 of all; SD 0.62 s in a treatment, 2.94 s overall",
			Check:     tableII(study.DT, 3.17)},
		{ID: "C-II-VMware-TMT", Text: "VMware's total time varies twofold",
			Published: "mean 30.93 s; max:min 2.24 of means, 2.96 of all; SD 7.72 s in a treatment, 7.51 s overall",
			Check:     beside(study.TMT)},
		{ID: "C-II-VMware-DT", Text: "VMware's downtime varies by 16 in means and 23 in all",
			Published: "mean 3.10 s; max:min 16.27 of means, 23.83 of all; SD 0.50 s in a treatment, 1.80 s overall",
			Check:     beside(study.DT)},
		{ID: "C-II-SD", Text: "One combination may scatter more than all of them together", Published: "7.72 s > 7.51 s",
			Check: scatter},
		{ID: "C-abstract", Text: "Downtime can vary by a factor of more than 23", Published: "23.83, single values, VMware",
			Check: factor23},
		{ID: "C-V-max", Text: "Plan with the longest downtime that a workload can cause, not with the mean",
			Published: "none", Check: planWithMaximum},
		{ID: "C-VI", Text: "Clark's short times reflect light loads", Published: "none", Check: lightLoads},
		{ID: "C-VII", Text: "A failure must be predicted further ahead than the total time", Published: "none",
			Check: leadTime},
	}
}

// notHere is the check of what cannot be tested.
func notHere(why string) func(study.Data) study.Finding {
	return func(study.Data) study.Finding {
		return study.Finding{Ours: "–", Verdict: study.Untestable, Evidence: why}
	}
}
