package interim

import (
	"fmt"
	"math"

	"walm/lab/results"
	"walm/stats"
	"walm/studies/study"
)

// The workloads of choice.yaml, one of each class.
const (
	cpu    = "cpu:load=90"
	sender = "net-out:rate=24MiB/s"
	reader = "readrandom:wset=80%,rate=max"
	writer = "random:wset=60%,rate=6000"  // slower than the link
	fast   = "cyclic:wset=60%,rate=25000" // faster than the link
)

// cell are choice.yaml's trials of a workload by a method; none where there is but one, which says nothing of chance.
func cell(d study.Data, workload, method string) study.Trials {
	t := d.Trials("choice").Pick("workload", workload, "method", method)
	if len(t) < 2 {
		return nil
	}
	return t
}

// less says whether a lies below b: 1 if every run of a is below every one of b, −1 if above.
func less(a, b stats.Sample) float64 { return stats.CliffDelta(a, b) }

// claimed is what QEMU says that it sent: the link's counters hold the workload's own traffic too.
var claimed = study.Metric{Name: "sent", Unit: "B", Of: func(t results.Trial) (float64, bool) {
	return float64(t.Outcome.Claimed.Bytes), t.Status == results.Done && t.Outcome.Claimed.Bytes > 0
}}

// again is how much pre-copy sends of a workload for each byte that post-copy does, which sends no page twice; +Inf where
// pre-copy did not end.
func again(d study.Data, workload string) float64 {
	pre, post := cell(d, workload, "pre-copy"), cell(d, workload, "post-copy")
	if len(post) > 0 && 2*never(pre) > len(pre) {
		return math.Inf(1)
	}
	return pre.Sample(claimed).Median() / post.Sample(claimed).Median()
}

func classes(d study.Data) study.Finding {
	sent := map[string]float64{}
	for _, w := range []string{cpu, sender, reader, writer, fast} {
		if sent[w] = again(d, w); math.IsNaN(sent[w]) {
			return study.Missing("choice")
		}
	}
	return study.Finding{
		Ours: fmt.Sprintf("pre-copy sends, for each byte that post-copy does: CPU %.2f, network %.2f, reader %.2f, writer %.2f, "+
			"writer faster than the link %.2f", sent[cpu], sent[sender], sent[reader], sent[writer], sent[fast]),
		Evidence: "what was written is sent again, without end (+Inf) above the link's rate: a quarter more is the border between " +
			"reading and writing. A program's class follows from what it does and not from what it is for: redis is " +
			"network-intensive and writes",
		Verdict: study.Judge(sent[cpu] < 1.25, sent[sender] < 1.25, sent[writer] >= 1.25, sent[fast] >= 1.25),
	}
}

func suits(d study.Data) study.Finding {
	readPre, readPost := cell(d, reader, "pre-copy").Sample(study.Cost), cell(d, reader, "post-copy").Sample(study.Cost)
	writePre, writePost := cell(d, fast, "pre-copy").Sample(study.Cost), cell(d, fast, "post-copy").Sample(study.Cost)
	if min(len(readPre), len(readPost), len(writePre), len(writePost)) == 0 {
		return study.Missing("choice")
	}
	return study.Finding{
		Ours: fmt.Sprintf("median cost, s: reader %s by pre-copy, %s by post-copy; writer faster than the link %s and %s",
			middle(cell(d, reader, "pre-copy"), study.Cost), middle(cell(d, reader, "post-copy"), study.Cost),
			middle(cell(d, fast, "pre-copy"), study.Cost), middle(cell(d, fast, "post-copy"), study.Cost)),
		Evidence: "cost is walm's balanced profile; each part holds if every run of the better method is below " +
			"every one of the other",
		Verdict: study.Judge(less(readPre, readPost) == 1, less(writePost, writePre) == 1),
	}
}

func shah(d study.Data) study.Finding {
	pre, post := cell(d, fast, "pre-copy").Sample(study.TMT), cell(d, fast, "post-copy").Sample(study.TMT)
	if len(pre) == 0 || len(post) == 0 {
		return study.Missing("choice")
	}
	return study.Finding{
		Ours: fmt.Sprintf("TMT of a small VM that writes faster than the link: pre-copy %s, post-copy %s",
			middle(cell(d, fast, "pre-copy"), study.TMT), middle(cell(d, fast, "post-copy"), study.TMT)),
		Evidence: "size alone does not decide: pre-copy can be the faster only where it stops early, and " +
			"post-copy sends no page twice. The large VM was not run",
		Verdict: study.Judge(less(pre, post) == 1),
	}
}

func success(d study.Data) study.Finding {
	t, slow := cell(d, fast, "pre-copy"), cell(d, writer, "pre-copy")
	if len(t) == 0 || len(slow) == 0 {
		return study.Missing("choice")
	}
	return study.Finding{
		Ours: fmt.Sprintf("%d of %d had not ended after %v when writing faster than the link, %d of %d when "+
			"slower", never(t), len(t),
			t[0].Setup.Limit, never(slow), len(slow)),
		Evidence: "the limit is several times what the whole memory takes over the link",
		Verdict:  study.Judge(never(t) > 0),
	}
}

func postCopy(d study.Data) study.Finding {
	t := d.Trials("choice").Pick("method", "post-copy")
	if len(t) == 0 {
		return study.Missing("choice")
	}
	var before stats.Sample
	for _, trial := range t {
		if trial.Status == results.Done {
			before = append(before, trial.Precopy.Seconds())
		}
	}
	return study.Finding{
		Ours: fmt.Sprintf("%d of %d moved by unpatched QEMU; the VM stopped %s after the command", t.Ended(), len(t),
			study.Say(before.MedianInterval(0.95, 1), "s")),
		Evidence: "migrate-start-postcopy is accepted at once after migrate. What was missing in 2.5 was a name, " +
			"not the method",
		Verdict: study.Judge(t.Ended() < len(t)),
	}
}

// hybridFirst looks at when hybrid stops a VM that writes nothing: at once if it first sent the writable working set.
func hybridFirst(d study.Data) study.Finding {
	var share stats.Sample
	for _, t := range cell(d, reader, "hybrid") {
		if t.Status == results.Done && t.Outcome.TMT > 0 {
			share = append(share, 100*t.Precopy.Seconds()/t.Outcome.TMT.Seconds())
		}
	}
	if len(share) == 0 {
		return study.Missing("choice")
	}
	e := share.MedianInterval(0.95, 1)
	return study.Finding{
		Ours: "a VM that reads and does not write was stopped after " + study.Say(e, "% of TMT"),
		Evidence: "its writable working set is nearly nothing: a hybrid that sent only that would stop it at " +
			"once. QEMU's sends all of memory in its first pass, as section 3.3.3 has it",
		Verdict: study.Judge(e.Mid < 50),
	}
}

func cpuAgainstMemory(d study.Data) study.Finding {
	c, m := cell(d, cpu, "pre-copy"), cell(d, writer, "pre-copy")
	if c.Ended() == 0 || len(m.Sample(study.TMT)) == 0 {
		return study.Missing("choice")
	}
	return study.Finding{
		Ours: fmt.Sprintf("TMT %s against %s, DT %s against %s", study.Say(c.Middle(study.TMT), "s"),
			study.Say(m.Middle(study.TMT), "s"), study.Say(c.Middle(study.DT), "s"), study.Say(m.Middle(study.DT), "s")),
		Evidence: "CPU load has little memory to send, so most of the difference in TMT is memory in use, not " +
			"writing; DT is bounded by the downtime limit either way. Each part holds if every run is below every " +
			"one of the other",
		Verdict: study.Judge(less(c.Sample(study.TMT), m.Sample(study.TMT)) == 1,
			less(c.Sample(study.DT), m.Sample(study.DT)) == 1),
	}
}

func readsUnderPostCopy(d study.Data) study.Finding {
	much, pre, little := cell(d, reader, "post-copy"), cell(d, reader, "pre-copy"), cell(d, cpu, "post-copy")
	if min(len(much.Sample(study.Loss)), len(pre.Sample(study.Loss)), len(little.Sample(study.Loss))) == 0 {
		return study.Missing("choice")
	}
	return study.Finding{
		Ours: fmt.Sprintf("service loss of a reader: post-copy %s, pre-copy %s; of CPU load: post-copy %s",
			study.Say(much.Middle(study.Loss), "s"), study.Say(pre.Middle(study.Loss), "s"),
			study.Say(little.Middle(study.Loss), "s")),
		Evidence: "each part holds if every run is below every one of the other",
		Verdict: study.Judge(less(pre.Sample(study.Loss), much.Sample(study.Loss)) == 1,
			less(little.Sample(study.Loss), much.Sample(study.Loss)) == 1),
	}
}

func readsUnderHybrid(d study.Data) study.Finding {
	post, hybrid := cell(d, reader, "post-copy"), cell(d, reader, "hybrid")
	if min(len(post.Sample(study.Loss)), len(hybrid.Sample(study.Loss))) == 0 {
		return study.Missing("choice")
	}
	return study.Finding{
		Ours: fmt.Sprintf("service loss of a reader: hybrid %s, post-copy %s", study.Say(hybrid.Middle(study.Loss), "s"),
			study.Say(post.Middle(study.Loss), "s")),
		Evidence: "what was read and not written has arrived before the switch; holds if every run is below every " +
			"one of post-copy's",
		Verdict: study.Judge(less(hybrid.Sample(study.Loss), post.Sample(study.Loss)) == 1),
	}
}

// postCopyMatters is what the missing experiment adds: a short downtime that is not a short outage.
func postCopyMatters(d study.Data) study.Finding {
	t, pre := cell(d, reader, "post-copy"), cell(d, reader, "pre-copy")
	tmt, dt, loss := t.Middle(study.TMT), t.Middle(study.DT), t.Middle(study.Loss)
	if min(tmt.N, dt.N, loss.N, len(pre)) == 0 {
		return study.Missing("choice")
	}
	preTMT, preDT := pre.Middle(study.TMT), pre.Middle(study.DT)
	return study.Finding{
		Ours: fmt.Sprintf("a reader by post-copy: TMT %s, DT %s, service loss %s; by pre-copy: TMT %s, DT %s", study.Say(tmt, "s"),
			study.Say(dt, "s"), study.Say(loss, "s"), study.Say(preTMT, "s"), study.Say(preDT, "s")),
		Evidence: "holds if TMT and DT, the two metrics of the plan, both put post-copy first, and three times its DT or more is " +
			"lost: what is not measured cannot be weighed",
		Verdict: study.Judge(tmt.Mid <= preTMT.Mid && dt.Mid < preDT.Mid, loss.Mid > 3*dt.Mid),
	}
}
