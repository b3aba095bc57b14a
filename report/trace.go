package report

import (
	"fmt"
	"io"
	"strings"

	"walm/vm"
)

// Trace shows what a VM is doing.
func Trace(w io.Writer, t vm.Trace, style Style) error {
	p := &page{Style: style}
	p.simulated(t.Source == simulatedSource)
	class := string(t.Class)
	if t.Access != "" {
		class += ", " + string(t.Access)
	}
	p.line("%s: %s", p.paint(bold, class), clean(traceSource(t)))
	p.line("")
	rows := [][]string{
		{"RAM", t.RAM.String()},
		{"present", present(t)},
		{"zero", fmt.Sprintf("%s ± %s", share(t.Zero, t.RAM), t.ZeroErr)},
	}
	rows = append(rows, memory(t)...)
	if turn := t.Phases; turn != nil {
		rows = append(rows, []string{"phases", fmt.Sprintf("works for %s, rests for %s, in turn", Duration(turn.Busy), Duration(turn.Quiet))})
	}
	rows = append(rows, []string{"vCPUs", vcpus(t.VCPUs)},
		[]string{"network", fmt.Sprintf("%s in, %s out", t.NetIn, t.NetOut)})
	p.table(nil, []bool{false, false}, rows)
	if len(t.Curve) > 0 {
		p.heading("Dirty curve: unique memory written within a window, ± standard error")
		p.table([]string{"window", "dirty", "of RAM", ""}, []bool{true, true, true, false}, p.curve(t))
	} else {
		p.line("\n  no dirty curve: nothing is known of how fast the VM writes")
	}
	p.warnings(t.Warnings)
	return p.flush(w)
}

func present(t vm.Trace) string {
	if t.Present == 0 {
		return "not known"
	}
	return share(t.Present, t.RAM)
}

// memory is what else is known of it.
func memory(t vm.Trace) (rows [][]string) {
	if t.Unread > 0 {
		rows = append(rows, []string{"not read", share(t.Unread, t.RAM) + ", zero or not"})
	}
	if t.Swapped > 0 {
		rows = append(rows, []string{"swapped out", share(t.Swapped, t.RAM)})
	}
	if t.Huge > 0 {
		rows = append(rows, []string{"huge pages", share(t.Huge, t.RAM)})
	}
	if t.Duplicate > 0 {
		rows = append(rows, []string{"duplicate", "at least " + percent(t.Duplicate) + " of the pages not zero"})
	}
	if t.Compressible > 0 {
		rows = append(rows, []string{"compresses", "to " + percent(t.Compressible) + " of the pages not zero, each by itself"})
	}
	if t.Rewritten > 0 {
		rows = append(rows, []string{"", "to " + percent(t.Rewritten) + " of what it writes"})
	}
	if t.Together > 0 {
		rows = append(rows, []string{"", fmt.Sprintf("%.2f times as much is saved in a row", t.Together)})
	}
	if t.Packs > 0 {
		rows = append(rows, []string{"", fmt.Sprintf("at %v by a core", t.Packs)})
	}
	if n := len(t.Touched); n > 0 {
		p := t.Touched[n-1]
		rows = append(rows, []string{"touched", fmt.Sprintf("%s within %s", share(p.Dirty, t.RAM), Duration(p.Window))})
	}
	return rows
}

const simulatedSource = "simulated"

func (p *page) simulated(yes bool) {
	if yes {
		p.line("%s", p.paint(warn, simulatedNote))
	}
}

const simulatedNote = "SIMULATED: no VM was looked at or moved; no number here is a measurement."

func traceSource(t vm.Trace) string {
	s := "looked through " + t.Source
	if t.Source == simulatedSource {
		s = "simulated look"
	}
	if t.Took > 0 {
		s += " for " + Duration(t.Took)
	}
	if t.Samples > 0 {
		s += fmt.Sprintf(", n = %s sampled", plural(t.Samples, "page"))
	}
	return s
}

func share(part, whole vm.Bytes) string {
	if whole <= 0 {
		return part.String()
	}
	return fmt.Sprintf("%s (%s)", part, percent(float64(part)/float64(whole)))
}

func vcpus(shares []float64) string {
	if len(shares) == 0 {
		return "not known"
	}
	list := make([]string, len(shares))
	for i, x := range shares {
		list[i] = percent(x)
	}
	return fmt.Sprintf("%d: %s of a core", len(shares), strings.Join(list, ", "))
}

func (p *page) curve(t vm.Trace) [][]string {
	var top vm.Bytes
	for _, pt := range t.Curve {
		top = max(top, pt.Dirty)
	}
	var rows [][]string
	for _, pt := range t.Curve {
		ofRAM := ""
		if t.RAM > 0 {
			ofRAM = percent(float64(pt.Dirty) / float64(t.RAM))
		}
		rows = append(rows, []string{Duration(pt.Window), fmt.Sprintf("%s ± %s", pt.Dirty, pt.Err), ofRAM,
			p.paint(accent, bar(pt.Dirty, top, 24))})
	}
	return rows
}

// bar draws part of whole in eighths of a character.
func bar(part, whole vm.Bytes, width int) string {
	if whole <= 0 || part <= 0 {
		return ""
	}
	eighths := max(1, int(float64(part)/float64(whole)*float64(width*8)+0.5))
	s := strings.Repeat("█", eighths/8)
	if r := eighths % 8; r > 0 {
		s += string([]rune("▏▎▍▌▋▊▉")[r-1])
	}
	return s
}
