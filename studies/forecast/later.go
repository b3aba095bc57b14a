package forecast

import (
	"walm/lab/debian"
	"walm/studies/study"
)

// laterParts are the tests of what the model was taught last, the last first: where dirty bits are armed page by page, and channels that
// compress.
func laterParts() []part {
	written := forecasters()[0]
	compressed := func(m migration) bool { return m.Params.Compression != "" }
	whole := func(id, label, name string, experiments ...string) part {
		return part{scope{id, name, written, experiments, false}, name, func(migration) bool { return true }, map[bool]string{true: label}}
	}
	const packed = "compressed"
	return []part{
		whole("I", packed, "as written down before, of one channel that compresses, with how fast the look packed and how busy the VM is", "packed12"),
		whole("E", packed, "as written down before, of one channel that compresses, with how fast the look packed", "packed11"),
		whole("D", packed, "as written down before, of one channel that compresses over a link of 1 Gbit/s, with a constant for how fast it packs",
			"packed9", "packed10"),
		whole("O", packed, "as written down before, of one channel that compresses, with how fast it packs alone", "packed8"),
		{scope{"L", "as written down before, of one channel that compresses and of two", written, []string{"packed7"}, false},
			"as written down before, of one channel that compresses",
			func(m migration) bool { return m.Params.Multifd == 1 }, map[bool]string{true: "one channel", false: "two"}},
		whole("J", "page by page", "as written down before, of QEMU 7.2, where dirty bits are armed page by page", "paged"),
		whole("H", packed, "as written down before, of two channels that compress, real programs among them, with queues that are full by what is on the wire",
			"packed6"),
		whole("G", packed, "as written down before, of two channels that compress, of real programs, from looks that tell by address",
			"packed-programs2"),
		whole("B", packed, "as written down before, of two channels that compress, from looks that tell by address", "packed5"),
		{scope{"A", "as written down before, of two channels that compress, of QEMU 7.2 and 10.0", written, []string{"packed4"}, false},
			"as written down before, of two channels that compress, of QEMU 10.0 and other contents",
			func(m migration) bool { return m.Setup.QEMU == debian.Backports }, map[bool]string{true: "10.0", false: "7.2"}},
		{scope{"Y", "as written down before, of two channels that compress and of two that do not, once their downtime was mended",
			written, []string{"packed3"}, false},
			"as written down before, of two channels that compress, once their downtime was mended", compressed,
			map[bool]string{true: packed, false: "plain"}},
		whole("N", packed, "as written down before, of two channels that compress, from looks that pack neighbours together",
			"packed2", "packed-programs"),
		{scope{"K", "as written down before, of two channels that compress and of two that do not", written, []string{"packed"}, false},
			"as written down before, of two channels that compress", compressed, map[bool]string{true: packed, false: "plain"}},
	}
}

func laterClaims() (all []study.Claim) {
	for _, p := range laterParts() {
		all = append(all, p.claims(p.words, p.of, "TMT", "TMT-p90", "bad", "DT", "loss", "TMT-in", "DT-in", "loss-in")...)
	}
	return all
}

func laterTables() (all []study.Table) {
	for _, p := range laterParts() {
		all = append(all, byPart(p), byWorkload(p.scope))
	}
	return all
}
