package icclab

import (
	"fmt"
	"strings"

	"walm/studies/study"
)

// limit tells up to how much stressed memory pre-copy ends on a link, with QEMU's own downtime limit.
func limit(faster bool) func(study.Data) study.Finding {
	return func(d study.Data) study.Finding {
		t := d.Trials("convergence").Pick("downtime-limit", "300ms")
		link, fast := t.Extremes("link")
		if faster {
			link = fast
		}
		t = t.Pick("link", link)
		fits := study.Number(link) * 0.3
		ends, never := 0.0, 0.0
		ordered := true
		for _, level := range t.Levels("stressed") {
			size := study.Number(level)
			switch cell := t.Pick("stressed", level); cell.Ended() {
			case len(cell):
				ends = max(ends, size)
			case 0:
				if never == 0 || size < never {
					never = size
				}
			default:
				ordered = false
			}
		}
		ordered = ordered && (never == 0 || ends < never)
		said := "ends at no size tried"
		if ends > 0 {
			said = "ends at " + mebibytes(ends) + " and below"
		}
		if never > 0 {
			said += ", never at " + mebibytes(never) + " and above"
		}
		return study.Finding{
			Ours:    fmt.Sprintf("%s; n = %d", said, len(t)),
			Verdict: study.Judge(ordered, ends <= fits && never > fits),
			Evidence: fmt.Sprintf("bandwidth × downtime limit is %s here; the limit of 300 ms is not scaled, so the sizes are to be "+
				"held against that product and not against the published ones", mebibytes(fits)),
		}
	}
}

func mebibytes(v float64) string { return study.Quantity(v/(1<<20), "MiB") }

// rule holds every combination against bandwidth × downtime limit.
func rule(d study.Data) study.Finding {
	var right, all int
	var wrong []string
	for _, cell := range d.Trials("convergence").Cells() {
		size, _ := cell[0].Cell.Level("stressed")
		link, _ := cell[0].Cell.Level("link")
		pause, _ := cell[0].Cell.Level("downtime-limit")
		predicted := study.Number(size) <= study.Number(link)*study.Number(pause)
		for _, trial := range cell {
			all++
			if predicted == (study.Trials{trial}.Ended() == 1) {
				right++
			} else if s := trial.Cell.String(); !strings.Contains(strings.Join(wrong, ", "), s) {
				wrong = append(wrong, s)
			}
		}
	}
	f := study.Finding{
		Ours:     fmt.Sprintf("the rule tells %d of %d migrations rightly", right, all),
		Verdict:  study.Judge(right == all, right*10 >= all*9),
		Evidence: "sizes, links and downtime limits on both sides of the product",
	}
	if len(wrong) > 0 {
		f.Evidence += "; not at " + strings.Join(wrong, ", ")
	}
	return f
}

// precopyDowntime is asked at the downtime limit that was QEMU's default then as now.
func precopyDowntime(d study.Data) study.Finding {
	t := d.Trials("convergence").Pick("downtime-limit", "300ms")
	down := study.Finite(t.Sample(study.DT))
	if len(down) == 0 {
		return study.Missing("convergence: no pre-copy ended")
	}
	return study.Finding{
		Ours: fmt.Sprintf("%s; largest %s", study.Say(down.MedianInterval(0.95, 1), "s"),
			study.Quantity(down.Quantile(1), "s")),
		Verdict: study.Judge(down.Quantile(1) <= 0.4, down.Quantile(0) >= 0.3),
		Evidence: "downtime is bounded by the limit of 300 ms and what a switch costs; it is shorter where little is left to " +
			"send. The publication read it off lost pings",
	}
}
