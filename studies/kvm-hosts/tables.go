package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// tables writes what is known so far beside the results.
func tables(dir string, c *cells) error {
	return os.WriteFile(filepath.Join(dir, "tables.md"), []byte(render(c.all)), 0o644)
}

func render(all []Cell) string {
	var b strings.Builder
	ok, over := 0, 0
	for _, c := range all {
		switch {
		case c.OK:
			ok++
		case c.Again:
			over++
		}
	}
	fmt.Fprintf(&b, "# What the cells saw\n\nWritten by `make test-kvm` from cells.jsonl: %d tries, %d as expected, %d not, %d that did not come to their "+
		"point and are tried again.\n", len(all), ok, len(all)-ok-over, over)
	section(&b, all, "move", "Moves under KVM, to and fro", "| cell | QEMU | load | result | TMT s | forecast (80 %) | DT s | forecast (80 %) | gap s | pages written/checked | bad |", moved)
	section(&b, all, "clocks", "Hosts whose clocks differ", "| cell | QEMU | load | result | clocks differ by | TMT s | DT s | gap s | pages written/checked | bad |", clocked)
	section(&b, all, "off", "A host switched off", "| method/phase/host off | QEMU | load | walm says | after s | the guest runs at | why |", offed)
	section(&b, all, "look", "Sources of the dirty curve", "| accelerator/source | QEMU | load | written within 1 s, seen | as the guest does it | took | refusal |", looked)
	return b.String()
}

func section(b *strings.Builder, all []Cell, kind, title, head string, row func(Cell) []string) {
	var of []Cell
	for _, c := range all {
		if c.Kind == kind {
			of = append(of, c)
		}
	}
	if len(of) == 0 {
		return
	}
	slices.SortStableFunc(of, func(x, y Cell) int { return strings.Compare(x.Key, y.Key) })
	head = strings.TrimSuffix(head, "|") + "| as expected |"
	fmt.Fprintf(b, "\n## %s, n = %d\n\n%s\n%s|\n", title, len(of), head, strings.Repeat("|---", strings.Count(head, "|")-1))
	for _, c := range of {
		verdict := "yes"
		switch {
		case c.Again:
			verdict = "to be tried again"
		case !c.OK:
			verdict = "**no**: " + c.Not
		}
		fmt.Fprintf(b, "| %s | %s | %.0f | %s | %s |\n", strings.TrimPrefix(c.Key, kind+"/"), c.QEMU, c.Load, strings.Join(row(c), " | "), verdict)
	}
}

func seconds(d time.Duration) string {
	switch {
	case d < 0:
		return "never"
	case d == 0:
		return "–"
	}
	return fmt.Sprintf("%.3g", d.Seconds())
}

func between(mid, lo, hi time.Duration) string {
	return fmt.Sprintf("%s (%s–%s)", seconds(mid), seconds(lo), seconds(hi))
}

func pages(c Cell) string { return fmt.Sprintf("%d/%d", c.Written, c.Pages) }

// outcome is in words how a move ended.
func outcome(c Cell) string {
	switch {
	case c.Result == "" && c.Error != "":
		return "refused: " + c.Error
	case c.Result == "moved" || c.Detail == "":
		return string(c.Result)
	}
	return fmt.Sprintf("%s: %s", c.Result, c.Detail)
}

func moved(c Cell) []string {
	tmt, dt := "–", "–"
	if f := c.Forecast; f != nil {
		tmt, dt = between(f.TMT, f.TMTLo, f.TMTHi), between(f.DT, f.DTLo, f.DTHi)
	}
	return []string{outcome(c), seconds(c.TMT), tmt, seconds(c.DT), dt, seconds(c.Gap), pages(c), fmt.Sprint(c.Bad)}
}

func clocked(c Cell) []string {
	return []string{outcome(c), c.Skew.String(), seconds(c.TMT), seconds(c.DT), seconds(c.Gap), pages(c), fmt.Sprint(c.Bad)}
}

func offed(c Cell) []string {
	runs := c.RunsAt
	if runs == "" {
		runs = "nowhere"
	}
	return []string{string(c.Result), seconds(c.Took), runs, c.Detail}
}

func looked(c Cell) []string {
	saw, does := "–", "–"
	if len(c.Curve) > 0 {
		saw, does = c.Curve.At(time.Second).String(), c.Expected.String()
	}
	return []string{saw, does, seconds(c.LookTook), c.Error}
}
