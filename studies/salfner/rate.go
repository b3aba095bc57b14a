package salfner

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"walm/lab/results"
	"walm/stats"
	"walm/studies/study"
	"walm/vm"
)

// wire is what a page costs on the link: its content and an 8-byte header.
const wire = float64(vm.Page) + 8

func periodAndBPC(d study.Data) study.Finding {
	t := d.Trials("period-bpc")
	var tmt, dt, widest stats.Sample
	for _, cell := range t.Cells() {
		s := cell.Sample(study.TMT)
		if len(s) < 2 || len(study.Finite(s)) < len(s) {
			continue
		}
		tmt, dt = append(tmt, s.Median()), append(dt, cell.Sample(study.DT).Median())
		widest = append(widest, halfWidth(s)/mean(s))
	}
	if len(tmt) < 2 {
		return study.Missing("period-bpc")
	}
	inTMT, inDT := tmt.Quantile(1)/tmt.Quantile(0), dt.Quantile(1)/dt.Quantile(0)
	f := study.Finding{
		Ours: fmt.Sprintf("largest ÷ smallest median of %d combinations: TMT %.2f, DT %.2f; widest CI95 of a mean "+
			"TMT ± %.0f %%",
			len(tmt), inTMT, inDT, 100*widest.Quantile(1)),
		Evidence: "strong is half as much again or more; with three runs a combination, the interval of a mean is wide",
		Verdict:  study.HoldsInPart,
	}
	switch strong := 1.5; {
	case inTMT >= strong && inDT >= strong:
		f.Verdict = study.Holds
	case inTMT < strong && inDT < strong:
		f.Verdict = study.Fails
	}
	return f
}

// oneRate compares two ways to the same RATE.
func oneRate(d study.Data) study.Finding {
	t := d.Trials("period-bpc")
	a, b := t.Pick("bpc", "1000", "period", "100ms"), t.Pick("bpc", "4000", "period", "400ms")
	if min(a.Ended(), b.Ended()) < 2 {
		return study.Missing("period-bpc")
	}
	tmt := b.Sample(study.TMT).Median()/a.Sample(study.TMT).Median() - 1
	dt := b.Sample(study.DT).Median()/a.Sample(study.DT).Median() - 1
	f := study.Finding{
		Ours: fmt.Sprintf("10,000/s as 4000 per 400 ms against 1000 per 100 ms: TMT %+.1f %%, DT %+.1f %% (n = %d "+
			"and %d)",
			100*tmt, 100*dt, len(b), len(a)),
		Evidence: fmt.Sprintf("within %.0f %% counts as the same; a burst that ends just before the VM is stopped "+
			"lengthens DT by what it dirtied", 100*small),
		Verdict: study.HoldsInPart,
	}
	switch tmtSame, dtSame := math.Abs(tmt) <= small, math.Abs(dt) <= small; {
	case tmtSame && dtSame:
		f.Verdict = study.Holds
	case !tmtSame && !dtSame:
		f.Verdict = study.Fails
	}
	return f
}

// hotPages looks at what is sent when every page is hot: were they put off, RAM would be sent about once.
func hotPages(d study.Data) study.Finding {
	var times stats.Sample
	for _, t := range d.Trials("factorial").Pick("stop-rule", "xen", "rate", "60000", "wset", "90%") {
		if sent, ok := study.Bytes.Of(t); ok {
			times = append(times, sent/float64(t.Setup.Memory))
		}
	}
	if len(times) == 0 {
		return study.Missing("factorial")
	}
	e := times.MedianInterval(0.95, 1)
	f := study.Finding{
		Ours: "sent " + study.Say(e, "× RAM") + " at 60,000/s over 90 % of it",
		Evidence: "QEMU sends a page in each pass in which it is dirty, hot or not; pages put off until the stop " +
			"would be sent once, and zeros hardly at all",
		Verdict: study.Fails,
	}
	if e.Mid < 1 {
		f.Verdict = study.Holds
	}
	return f
}

// rateUnit computes what the jump would be in each unit.
func rateUnit(study.Data) study.Finding {
	perSecond := 30_000 * float64(vm.Page) * 8 / 1e6
	return study.Finding{
		Ours: fmt.Sprintf("computed: 30,000 × 4 KiB = %.0f Mbit per second, or %.0f Gbit per millisecond × 1000",
			perSecond, perSecond),
		Verdict: study.Fails,
		Evidence: "no host of 2009 wrote 123 GB/s; the figures count per second, and then the jump is at a " +
			"gigabit link's rate",
	}
}

func design(study.Data) study.Finding {
	return study.Finding{
		Ours: fmt.Sprintf("computed: 528 × 20 = %d, 352 × 20 = %d; 3 × 16 × 11 and 2 × 16 × 11 make "+
			"them", 528*20, 352*20),
		Evidence: "the arithmetic is right; the levels are not printed, so that nobody can run the same design. " +
			"Ours is a subset, the full one a guess in full/factorial.yaml",
		Verdict: study.Holds,
	}
}

func downtimeOverRate(d study.Data) study.Finding {
	xen := d.Trials("factorial").Pick("stop-rule", "xen")
	if thin(xen, "wset", "rate") {
		return study.Missing("factorial")
	}
	f := study.Finding{Verdict: study.Fails,
		Evidence: "Xen's stop rule; under QEMU's own, downtime keeps to its limit of 300 ms wherever the " +
			"migration ends (C-V-B)"}
	var ours []string
	rising, levels := 0, xen.Levels("wset")
	for _, wset := range levels {
		trend := study.TrendOf(xen.Pick("wset", wset).Over("rate", study.DT))
		if trend.Rises() {
			rising++
		}
		ours = append(ours, fmt.Sprintf("WSET %s: %v", wset, trend))
	}
	f.Ours = strings.Join(ours, "; ")
	switch rising {
	case len(levels):
		f.Verdict = study.Holds
	case 0:
	default:
		f.Verdict = study.HoldsInPart
	}
	return f
}

// thin says that some level of a factor has too few runs over another for a trend or a line.
func thin(t study.Trials, factor, over string) bool {
	for _, level := range t.Levels(factor) {
		if x, _ := t.Pick(factor, level).Over(over, study.DT); len(x) < fewest {
			return true
		}
	}
	return len(t) == 0
}

// point is a RATE with the median downtime there.
type point struct{ rate, dt float64 }

// closeUp is downtime over RATE at 60 % WSET under Xen's rule, from the factorial and the zoom-in.
func closeUp(d study.Data) []point {
	var points []point
	for _, t := range []study.Trials{d.Trials("factorial").Pick("stop-rule", "xen", "wset", "60%"), d.Trials("zoom")} {
		for _, level := range t.Levels("rate") {
			if s := t.Pick("rate", level).Sample(study.DT); len(s) > 0 {
				points = append(points, point{study.Number(level), s.Median()})
			}
		}
	}
	slices.SortFunc(points, func(a, b point) int { return int(a.rate - b.rate) })
	return points
}

// jump finds the RATE at which downtime is half way up, and sets it against what the link carried.
func jump(d study.Data) study.Finding {
	points := closeUp(d)
	var carried stats.Sample
	for _, t := range d.Trials("factorial").Pick("stop-rule", "xen", "rate", "60000") {
		if v, ok := study.LinkUse.Of(t); ok {
			carried = append(carried, v/wire)
		}
	}
	if len(points) < 3 || len(carried) == 0 {
		return study.Missing("factorial and zoom")
	}
	low, high := points[0].dt, points[len(points)-1].dt
	at := crossing(points, (low+high)/2)
	f := study.Finding{
		Ours: fmt.Sprintf("DT goes from %.2g s to %.2g s", low, high),
		Evidence: "1 Gbit/s as published and 4104 bytes a page; half way up within 15 % of the link's rate, and " +
			"twofold at least, is the jump",
		Verdict: study.Fails,
	}
	if high < 2*low || math.IsNaN(at) {
		return f
	}
	f.Ours += fmt.Sprintf(", half way at %.0f/s; the link carried %.0f pages/s", at, carried.Median())
	switch {
	case math.Abs(at/carried.Median()-1) <= 0.15:
		f.Verdict = study.Holds
	case math.Abs(at/30000-1) <= 0.15:
		f.Verdict = study.HoldsInPart
	}
	return f
}

// crossing is the rate at which the line through the points first reaches dt; NaN where it never does.
func crossing(points []point, dt float64) float64 {
	for i := 1; i < len(points); i++ {
		a, b := points[i-1], points[i]
		if a.dt < dt && b.dt >= dt {
			return a.rate + (dt-a.dt)/(b.dt-a.dt)*(b.rate-a.rate)
		}
	}
	return math.NaN()
}

// gradual counts the levels of RATE that are neither before nor beyond the jump.
func gradual(d study.Data) study.Finding {
	points := closeUp(d)
	if len(d.Trials("zoom")) == 0 || len(points) < 3 {
		return study.Missing("zoom")
	}
	low, high := points[0].dt, points[len(points)-1].dt
	between := 0
	for _, p := range points {
		if p.dt > low+0.1*(high-low) && p.dt < high-0.1*(high-low) {
			between++
		}
	}
	f := study.Finding{
		Ours: fmt.Sprintf("%d of %d levels of RATE have a median DT between 10 and 90 %% of the way "+
			"up", between, len(points)),
		Verdict: study.Fails,
		Evidence: "a step would leave none, a slope two or more. QEMU's look each 50 ms and the constant times " +
			"around a migration blur the edge more at this scale than at the published one",
	}
	switch {
	case between >= 2:
		f.Verdict = study.Holds
	case between == 1:
		f.Verdict = study.HoldsInPart
	}
	return f
}

// fallsBeyond compares the two rates beyond the jump, block by block.
func fallsBeyond(d study.Data) study.Finding {
	xen := d.Trials("factorial").Pick("stop-rule", "xen")
	at, beyond := xen.Pairs("rate", "35000", "60000", study.TMT)
	c, err := stats.Compare(at, beyond, stats.Ratio, 0.95, 1)
	if err != nil || len(at) < fewest {
		return study.Missing("factorial")
	}
	var sent stats.Sample
	for _, t := range xen.Pick("rate", "60000") {
		if v, ok := study.Bytes.Of(t); ok && t.Status == results.Done {
			sent = append(sent, v/float64(t.Setup.Memory))
		}
	}
	f := study.Finding{
		Ours: fmt.Sprintf("TMT at 60,000/s ÷ at 35,000/s: %s; %.2g × RAM was "+
			"sent", study.SayComparison(c, "×"), sent.Median()),
		Evidence: "Xen's rule alone ends pre-copy at three times RAM, which takes equally long at every RATE " +
			"above the link's. For the fall Xen must send less in each pass, and it does: it passes over pages " +
			"that are dirty again already",
		Verdict: study.Fails,
	}
	switch {
	case c.Mid < 0.95 && c.P < 0.05:
		f.Verdict, f.Evidence = study.Holds, "the stop rule is enough for the fall"
	case c.Mid < 0.95:
		f.Verdict = study.HoldsInPart
	}
	return f
}

// linearInWSET fits downtime over WSET at each RATE.
func linearInWSET(d study.Data) study.Finding {
	xen := d.Trials("factorial").Pick("stop-rule", "xen")
	if thin(xen, "rate", "wset") {
		return study.Missing("factorial")
	}
	var ours []string
	straight, rates := 0, xen.Levels("rate")
	for _, rate := range rates {
		x, y := xen.Pick("rate", rate).Over("wset", study.DT)
		line := study.Line(x, y)
		if line.R2 > 0.9 && line.Slope > 0 {
			straight++
		}
		ours = append(ours, fmt.Sprintf("%s/s: %+.3f s a tenth of memory, R² %.2f", rate, 10*line.Slope, line.R2))
	}
	f := study.Finding{Ours: strings.Join(ours, "; "), Verdict: study.Fails,
		Evidence: "Xen's stop rule, all runs. R² above 0.9 and a rise count as linear. Above the link's RATE all " +
			"of WSET is dirty when the VM stops, and DT is WSET ÷ link; below it what is left is small whatever " +
			"WSET is"}
	switch straight {
	case len(rates):
		f.Verdict = study.Holds
	case 0:
	default:
		f.Verdict = study.HoldsInPart
	}
	return f
}
