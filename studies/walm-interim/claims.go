package interim

import "walm/studies/study"

func claims() []study.Claim {
	return []study.Claim{
		{ID: "D-4.2-TMT", Text: "Workload-aware choice shortens total time against a random one", Published: "planned",
			Check: beatsRandom(study.TMT)},
		{ID: "D-4.2-DT", Text: "Workload-aware choice shortens downtime against a random one", Published: "planned",
			Check: beatsRandom(study.DT)},
		{ID: "D-4.2-loss", Text: "Workload-aware choice lets users lose less service than a random " +
			"one", Published: "planned",
			Check: beatsRandom(study.Loss)},
		{ID: "D-4.2-cost", Text: "Workload-aware choice costs less than a random one", Published: "planned",
			Check: beatsRandom(study.Cost)},
		{ID: "D-4.2-best", Text: "No single method does as well as the choice on every workload", Published: "planned",
			Check: beatsConstants},
		{ID: "D-1-classes", Text: "CPU- and network-intensive work reads memory, memory-intensive work writes it",
			Published: "taxonomy", Check: classes},
		{ID: "D-1-suits", Text: "Pre-copy suits work that reads, post-copy work that writes", Published: "taxonomy",
			Check: suits},
		{ID: "D-1-Shah", Text: "Small VMs that write fast move fastest by pre-copy, large ones by post-copy",
			Published: "cited from Shah et al.", Check: shah},
		{ID: "D-1.3", Text: "Pre-copy of work that writes fast may not succeed at all", Published: "none",
			Check: success},
		{ID: "D-3.2", Text: "The latest reading before the command is enough to choose by", Published: "none",
			Check: latestReading},
		{ID: "D-3.3-post-copy", Text: "QEMU has no post-copy of its own", Published: "patched into 2.5", Check: postCopy},
		{ID: "D-1.2-hybrid-first", Text: "Hybrid first sends the writable working set alone (§1.2; §3.3.3: everything)",
			Published: "definition", Check: hybridFirst},
		{ID: "D-3.3-scripts", Text: "Scripts and screenshots of moves (figures 8, 9, 11 to 14)", Published: "pictures",
			Check: study.CannotTest("they show that moves were made, and say nothing that could be false")},
		{ID: "D-Fig10-sums", Text: "The trace adds up", Published: "266,450 + 7,052 pages; 11,416 + 221 + 112 ms; " +
			"TMT 11,767 ms",
			Check: traceSums},
		{ID: "D-Fig10-link", Text: "The trace fits a gigabit link", Published: "266,450 in 11,416 ms; 7,052 in " +
			"221; 3,202 in 112",
			Check: traceLink},
		{ID: "D-Fig10-rule", Text: "The trace follows QEMU's stop rule", Published: "went on at 7,052 pages, " +
			"stopped at 3,202",
			Check: traceRule},
		{ID: "D-Fig10-replay", Text: "walm's replay of the trace gives its total time", Published: "TMT 11.767 s",
			Check: traceReplay},
		{ID: "D-Fig15-TMT", Text: "Total time rises with the working set, 50 to 90 % of RAM, " +
			"pre-copy", Published: "figure 15",
			Check: overWorkingSet(study.TMT)},
		{ID: "D-Fig15-DT", Text: "Downtime rises with the working set, 50 to 90 % of RAM, " +
			"pre-copy", Published: "figure 15",
			Check: overWorkingSet(study.DT)},
		{ID: "D-Fig16", Text: "The VM's CPU use rises with the working set", Published: "figure 16",
			Check: overWorkingSet(study.GuestCPU)},
		{ID: "D-Fig15-flat-out", Text: "A random writer over 90 % of RAM moves by pre-copy", Published: "figure 15",
			Check: flatOut},
		{ID: "D-Fig17", Text: "With sysbench, total time and downtime fall as RAM grows, " +
			"pre-copy", Published: "figure 17",
			Check: overRAM("pre-copy")},
		{ID: "D-Fig18-RAM", Text: "With sysbench, total time and downtime over RAM, hybrid", Published: "figure " +
			"18, no direction said",
			Check: overRAM("hybrid")},
		{ID: "D-Fig18", Text: "Hybrid's downtime is far below pre-copy's", Published: "figures 17, " +
			"18", Check: hybridDowntime},
		{ID: "D-3.3.3-CPU", Text: "CPU-intensive work moves better by pre-copy than memory-intensive " +
			"work", Published: "none",
			Check: cpuAgainstMemory},
		{ID: "D-3.3.3-out", Text: "Outgoing traffic contends with the migration", Published: "planned",
			Check: traffic("static:wset=90%+net-out:rate=32MiB/s", true)},
		{ID: "D-3.3.3-in", Text: "Incoming traffic does not contend with the migration", Published: "planned",
			Check: traffic("static:wset=90%+net-in:rate=32MiB/s", false)},
		{ID: "D-3.3.3-reads", Text: "Work that reads much suffers under post-copy, and work that reads little does not",
			Published: "planned", Check: readsUnderPostCopy},
		{ID: "D-3.3.3-hybrid", Text: "Hybrid spares work that reads much what post-copy does to it", Published: "planned",
			Check: readsUnderHybrid},
		{ID: "D-4.3", Text: "Post-copy needs its own experiments", Published: "planned", Check: postCopyMatters},
	}
}
