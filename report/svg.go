package report

import (
	"strconv"
	"strings"
)

// The figures are drawn here and not by gonum/plot, which was tried: it writes text at positions computed from its own
// fonts (a figure with them embedded is 528 KB, without them labels shift in any other font) and fixes every colour, so
// that a page of its figures neither follows the reader's dark mode nor the page's type. A drawing here is shapes with
// CSS classes; the page's style sheet colours them, and html/template escapes their text.

// drawing is a picture of W by H units, scaled to the width that the page has for it.
type drawing struct {
	W, H  float64
	Label string // what it shows, for those who cannot see it
	Marks []mark
}

// mark is one shape; which of its fields are used depends on Kind.
type mark struct {
	Kind, Class  string
	X, Y, X2, Y2 string // X2, Y2: a line's end, a rectangle's size, a circle's radius
	D            string
	Anchor, Text string
	Tip          string
}

type xy struct{ x, y float64 }

func (d *drawing) line(class string, x1, y1, x2, y2 float64) {
	d.Marks = append(d.Marks, mark{Kind: "line", Class: class, X: unitless(x1), Y: unitless(y1),
		X2: unitless(x2), Y2: unitless(y2)})
}

func (d *drawing) rect(class string, x, y, w, h float64, tip string) {
	d.Marks = append(d.Marks, mark{Kind: "rect", Class: class, X: unitless(x), Y: unitless(y), X2: unitless(max(w, 0)),
		Y2: unitless(max(h, 0)), Tip: tip})
}

func (d *drawing) dot(class string, x, y, r float64, tip string) {
	d.Marks = append(d.Marks, mark{Kind: "circle", Class: class, X: unitless(x), Y: unitless(y), X2: unitless(r), Tip: tip})
}

// diamond marks what was measured, on every figure.
func (d *drawing) diamond(class string, x, y, r float64, tip string) {
	d.path(class, []xy{{x, y - r}, {x + r, y}, {x, y + r}, {x - r, y}}, true)
	d.Marks[len(d.Marks)-1].Tip = tip
}

func (d *drawing) path(class string, points []xy, closed bool) {
	if len(points) == 0 {
		return
	}
	var b strings.Builder
	for i, p := range points {
		if i == 0 {
			b.WriteByte('M')
		} else {
			b.WriteByte('L')
		}
		b.WriteString(unitless(p.x) + " " + unitless(p.y))
	}
	if closed {
		b.WriteByte('Z')
	}
	d.Marks = append(d.Marks, mark{Kind: "path", Class: class, D: b.String()})
}

func (d *drawing) text(class string, x, y float64, anchor, s string) {
	d.Marks = append(d.Marks, mark{Kind: "text", Class: class, X: unitless(x), Y: unitless(y), Anchor: anchor, Text: s})
}

// unitless writes a coordinate with a tenth of a unit: finer cannot be seen, and the page stays small.
func unitless(x float64) string {
	s := strings.TrimSuffix(strconv.FormatFloat(x, 'f', 1, 64), ".0")
	if s == "-0" {
		return "0"
	}
	return s
}

// textWidth is an upper estimate of how wide the page's 11-unit labels are; no font is at hand to measure them.
func textWidth(s string) float64 { return 6.1 * float64(len([]rune(s))) }
