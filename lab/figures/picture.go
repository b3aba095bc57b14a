package figures

import (
	"bytes"
	"fmt"
	"image/color"
	"math"
	"strings"

	xfont "golang.org/x/image/font"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"
)

// picture is a figure before it is written.
type picture struct {
	title, caption string
	legend         []entry
	height         vg.Length                 // of all of it
	body           func(c draw.Canvas) error // draws into what title, legend and caption leave
}

// entry is a line of the legend; without a mark it is a heading.
type entry struct {
	text string
	mark func(c draw.Canvas) // into a canvas of the size of a letter M, twice as wide
}

const (
	width  vg.Length = 480
	margin vg.Length = 10
	dpi              = 144 // twice of what browsers take a point for, so that text is sharp on dense screens
)

func (p picture) draw(c draw.Canvas) error {
	c.SetColor(color.White)
	c.Fill(c.Rectangle.Path())
	c = draw.Crop(c, margin, -margin, margin, -margin)
	heading, small := style(11, true), style(8.5, false)
	heading.YAlign, small.YAlign = draw.YTop, draw.YTop
	y := c.Max.Y
	for _, l := range wrap(heading, p.title, c.Max.X-c.Min.X) {
		c.FillText(heading, vg.Point{X: c.Min.X, Y: y}, l)
		y -= 14
	}
	y = p.drawLegend(c, small, y-3)
	small.Color = color.Gray{90}
	lines := wrap(small, p.caption, c.Max.X-c.Min.X)
	for i, l := range lines {
		c.FillText(small, vg.Point{X: c.Min.X, Y: c.Min.Y + 11*vg.Length(len(lines)-i) - 1}, l)
	}
	return p.body(draw.Crop(c, 0, 0, 11*vg.Length(len(lines))+7, y-c.Max.Y-4))
}

// drawLegend puts the entries side by side, in as many rows as they take, and answers where the rest begins.
func (p picture) drawLegend(c draw.Canvas, st text.Style, y vg.Length) vg.Length {
	if len(p.legend) == 0 {
		return y
	}
	const high, gap = 9, 12
	x := c.Min.X
	for i, e := range p.legend {
		w := st.Width(e.text)
		if e.mark != nil {
			w += 2*high + 4
		}
		if i > 0 && x+w > c.Max.X {
			x, y = c.Min.X, y-13
		}
		if e.mark != nil {
			e.mark(draw.Canvas{Canvas: c.Canvas, Rectangle: vg.Rectangle{
				Min: vg.Point{X: x, Y: y - high - 1}, Max: vg.Point{X: x + 2*high, Y: y}}})
			c.FillText(st, vg.Point{X: x + 2*high + 4, Y: y}, e.text)
		} else {
			c.FillText(st, vg.Point{X: x, Y: y}, e.text)
		}
		x += w + gap
	}
	return y - 13
}

// fonts that have the metrics of the one that positions were computed with. Embedding it would make each figure half a
// megabyte.
const fonts = "'Liberation Sans',Arimo,Arial,Helvetica,sans-serif"

func (p picture) svg() ([]byte, error) {
	c := vgsvg.New(width, p.height)
	if err := p.draw(draw.New(c)); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if _, err := c.WriteTo(&b); err != nil {
		return nil, fmt.Errorf("write a figure as SVG: %w", err)
	}
	s := b.String()
	s = s[strings.Index(s, "<svg"):] // a page that has the figure in it has no place for an XML declaration
	s = strings.Replace(s, "\txmlns:xlink=\"http://www.w3.org/1999/xlink\"", "\trole=\"img\"", 1)
	return []byte(strings.ReplaceAll(s, "font-family:Liberation Sans;font-variant:normal", "font-family:"+fonts)), nil
}

func (p picture) png() ([]byte, error) {
	c := vgimg.NewWith(vgimg.UseWH(width, p.height), vgimg.UseDPI(dpi))
	if err := p.draw(draw.New(c)); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if _, err := (vgimg.PngCanvas{Canvas: c}).WriteTo(&b); err != nil {
		return nil, fmt.Errorf("write a figure as PNG: %w", err)
	}
	return b.Bytes(), nil
}

func style(size vg.Length, bold bool) text.Style {
	f := font.Font{Typeface: "Liberation", Variant: "Sans", Size: size}
	if bold {
		f.Weight = xfont.WeightBold
	}
	return text.Style{Color: color.Gray{30}, Font: f, Handler: plot.DefaultTextHandler}
}

// wrap breaks s at spaces, so that no line is wider than w if that can be.
func wrap(st text.Style, s string, w vg.Length) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(s) {
		if next := strings.TrimSpace(line + " " + word); line == "" || st.Width(next) <= w {
			line = next
			continue
		}
		lines = append(lines, line)
		line = word
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}

// hue is the colour of the i-th of n lines: of words from Okabe and Ito's palette, which people of every colour vision
// can tell apart; of numbers from a ramp, so that the order can be seen.
func hue(i, n int, ordered bool) color.Color {
	if ordered && n > 2 {
		return ramp(0.85 * float64(i) / float64(n-1))
	}
	palette := []color.NRGBA{{0, 114, 178, 255}, {213, 94, 0, 255}, {0, 158, 115, 255}, {204, 121, 167, 255},
		{86, 180, 233, 255}, {230, 159, 0, 255}, {70, 70, 70, 255}}
	return palette[i%len(palette)]
}

// ramp runs from dark blue to yellow by even steps of lightness (five points of the map viridis, joined by lines).
func ramp(x float64) color.NRGBA {
	points := [][3]float64{{68, 1, 84}, {59, 82, 139}, {33, 145, 140}, {94, 201, 98}, {253, 231, 37}}
	x = math.Min(math.Max(x, 0), 1) * float64(len(points)-1)
	i := min(int(x), len(points)-2)
	mix := func(k int) uint8 {
		a, b := points[i][k], points[i+1][k]
		return uint8(math.Round(a + (x-float64(i))*(b-a)))
	}
	return color.NRGBA{mix(0), mix(1), mix(2), 255}
}

func fade(c color.Color, alpha uint8) color.Color {
	r, g, b, _ := c.RGBA()
	return color.NRGBA{uint8(r >> 8), uint8(g >> 8), uint8(b >> 8), alpha}
}
