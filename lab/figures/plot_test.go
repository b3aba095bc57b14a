package figures

import (
	"bytes"
	"encoding/xml"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"walm/lab/results"
)

func specs() map[string]Spec {
	pre, high := map[string]string{"method": "pre-copy"}, map[string]string{"wset": "60%"}
	return map[string]Spec{
		"lines":     {Metric: "tmt", Over: "rate", By: "wset", Where: pre},
		"words":     {Metric: "dt", Over: "method", By: "wset", Where: map[string]string{"rate": "5000"}, Kind: Lines},
		"pooled":    {Metric: "bytes", Over: "wset", By: "method"},
		"single":    {Metric: "cpu-guest", Over: "rate", Where: pre},
		"bars":      {Metric: "tmt", Over: "wset", By: "method", Where: map[string]string{"rate": "60000"}, Kind: Bars},
		"phases":    {Metric: "phases", Over: "rate", By: "method", Where: high, Kind: Bars},
		"surface":   {Metric: "tmt", Over: "rate", By: "wset", Where: pre, Kind: Surface, Mean: true},
		"wireframe": {Metric: "dt", Over: "rate", By: "wset", Where: pre, Kind: Wireframe},
		"open":      {Metric: "tmt", Over: "rate", By: "wset", Where: pre, Kind: Wireframe},
		"link":      {Metric: "link-use", Over: "method", Where: map[string]string{"wset": "60%", "rate": "20000"}, Kind: Timeline},
		"remaining": {Metric: "remaining", Over: "rate", Where: map[string]string{"wset": "60%", "method": "pre-copy"}, Kind: Timeline},
	}
}

// WALM_FIGURES names a folder to which the figures are written, for looking at.
func TestPlotRepeats(t *testing.T) {
	set := madeUp(t)
	for name, s := range specs() {
		svg, png, err := Plot(set, s)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if dir := os.Getenv("WALM_FIGURES"); dir != "" {
			for ext, b := range map[string][]byte{".svg": svg, ".png": png} {
				if err := os.WriteFile(filepath.Join(dir, name+ext), b, 0o644); err != nil {
					t.Fatal(err)
				}
			}
		}
		svg2, png2, err := Plot(madeUp(t), s)
		if err != nil || !bytes.Equal(svg, svg2) || !bytes.Equal(png, png2) {
			t.Errorf("%s: the same results gave other bytes (%v)", name, err)
		}
	}
}

func TestPlotRefuses(t *testing.T) {
	set := madeUp(t)
	for want, s := range map[string]Spec{
		"no such metric":      {Metric: "speed", Over: "rate"},
		`no factor "colour"`:  {Metric: "tmt", Over: "colour"},
		`no factor "size"`:    {Metric: "tmt", Over: "rate", By: "size"},
		`has no level "1%"`:   {Metric: "tmt", Over: "rate", Where: map[string]string{"wset": "1%"}},
		"by which other one":  {Metric: "tmt", Over: "rate", Kind: Surface},
		`no kind "pie"`:       {Metric: "tmt", Over: "rate", Kind: "pie"},
		"no course over time": {Metric: "tmt", Over: "rate", Kind: Timeline},
		`no factor ""`:        {Metric: "tmt"},
	} {
		if _, _, err := Plot(set, s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", s, err, want)
		}
	}
	if _, _, err := Plot(results.Set{}, Spec{Metric: "tmt"}); err == nil {
		t.Error("nothing was plotted")
	}
}

// Names come from a file that anyone may have written.
func TestHostileWords(t *testing.T) {
	set := small(t)
	const evil = `<script>alert("1")</script>&"'`
	for i := range set.Trials {
		for j, l := range set.Trials[i].Cell {
			if l.Factor == "method" {
				set.Trials[i].Cell[j].Level = l.Level + evil
			}
		}
		set.Trials[i].Why, set.Trials[i].Host = evil, evil
	}
	set.Header.Name, set.Header.Machine.CPU, set.Header.Experiment = evil, evil, evil
	page, err := Page(set)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(page, []byte("<script")) {
		t.Error("a name got into the page as markup")
	}
	d := xml.NewDecoder(bytes.NewReader(firstSVG(t, page)))
	for {
		if _, err := d.Token(); err == io.EOF {
			break
		} else if err != nil {
			t.Fatalf("a figure is no XML: %v", err)
		}
	}
}

func firstSVG(t *testing.T, page []byte) []byte {
	from, to := bytes.Index(page, []byte("<svg")), bytes.Index(page, []byte("</svg>"))
	if from < 0 || to < from {
		t.Fatal("the page has no figure")
	}
	return page[from : to+len("</svg>")]
}

// An experiment of one cell, one that broke in every trial, and one that was never begun have pages too.
func TestPageOfLittle(t *testing.T) {
	broken := small(t)
	for i := range broken.Trials {
		broken.Trials[i].Status = results.Broken
	}
	one := small(t)
	one.Trials = one.Trials[:1]
	bare := small(t)
	bare.Trials = slices.Clone(bare.Trials[:2])
	for i := range bare.Trials {
		bare.Trials[i].Cell = nil
	}
	for name, set := range map[string]results.Set{"broken": broken, "one": one, "no factors": bare, "nothing": {}} {
		page, err := Page(set)
		if err != nil || !bytes.Contains(page, []byte("</html>")) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := JSON(set); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		_ = Bench(set)
		_ = Summary(set).Text()
	}
}
