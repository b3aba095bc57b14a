package figures

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
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
