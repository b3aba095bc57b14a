package icclab

import (
	"math"
	"testing"

	"walm/lab/results"
	"walm/studies/study"
	"walm/studies/study/studytest"
	"walm/vm"
)

// asPublished sends each stressed byte copies times; the fast link is had to 58 %, and a switch takes 0.25 s.
func asPublished(copies float64) studytest.World {
	return func(run string, t *results.Trial) {
		link := float64(t.Setup.Link)
		stressed := 0.0
		if level, ok := t.Cell.Level("stressed"); ok {
			stressed = study.Number(level)
		}
		rate := link
		if link > 2e8 {
			rate *= 0.58
		}
		bytes := 40e6 + copies*stressed + 1e4*float64(t.Block)
		t.Outcome.Bytes = vm.Bytes(bytes)
		start := 0.1
		t.Outcome.TMT = studytest.Seconds(start + bytes/rate)
		t.Outcome.DT = studytest.Seconds(0.31)
		t.Outcome.Service.Downtime = studytest.Seconds(0.4)
		t.LinkUse = []vm.Rate{0}
		for range int(math.Ceil(10 * bytes / rate)) {
			t.LinkUse = append(t.LinkUse, vm.Rate(rate))
		}
		if link > 2e8 {
			t.LinkUse[1] = vm.Rate(link)
		} else {
			t.LinkUse = t.LinkUse[1:]
		}
		if run == "convergence" && stressed > link*t.Setup.Params.DowntimeLimit.Seconds() {
			t.Status = results.Censored
		}
	}
}

func TestClaims(t *testing.T) {
	s := Study()
	t.Run("as published", func(t *testing.T) {
		studytest.Verdicts(t, s, studytest.Data(t, s, asPublished(2)), map[string]study.Verdict{
			"E-Fig1-1G": study.Holds, "E-Fig1-10G": study.Holds, "E-rule": study.Holds, "E-Fig1-DT": study.Holds,
			"E-Tab1-ends": study.Holds, "E-Tab1-linear": study.Holds, "E-Tab1-faster": study.Holds, "E-sigma": study.Holds,
			"E-Tab2-stable": study.Holds, "E-Tab2-link": study.Holds, "E-500ms": study.Holds, "E-Fig4": study.Holds,
			"E-Fig5-data": study.Holds, "E-Fig5-1G": study.Holds, "E-Fig5-10G": study.Holds, "E-gigabytes": study.Holds,
			"E-seconds": study.Holds,
		})
	})
	t.Run("at the published size", func(t *testing.T) {
		full := s
		full.Runs = []string{"full/hybrid.yaml", "full/convergence.yaml"}
		studytest.Verdicts(t, full, studytest.Data(t, full, asPublished(2)), map[string]study.Verdict{
			"E-Fig1-1G": study.Holds, "E-Fig1-10G": study.Holds, "E-rule": study.Holds, "E-Tab1-linear": study.Holds,
			"E-Fig4": study.Holds, "E-Fig5-data": study.Holds, "E-Fig5-1G": study.Holds, "E-seconds": study.Holds,
		})
	})
	t.Run("post-copy alone", func(t *testing.T) {
		studytest.Verdicts(t, s, studytest.Data(t, s, asPublished(1)), map[string]study.Verdict{
			"E-Fig4": study.Fails, "E-Fig5-data": study.Fails, "E-Tab1-linear": study.Holds,
		})
	})
	t.Run("upside down", func(t *testing.T) {
		d := studytest.Data(t, s, func(run string, t *results.Trial) {
			asPublished(2)(run, t)
			stressed, _ := t.Cell.Level("stressed")
			x := study.Number(stressed) / 1e8
			t.Status = results.Done
			if run == "convergence" && x < 0.06 {
				t.Status = results.Censored
			}
			t.Outcome.TMT = studytest.Seconds(5 + 3*math.Sin(9*x) + float64(t.Setup.Link)/1e8 + 3*float64(t.Block%2))
			t.Outcome.DT = studytest.Seconds(0.7 + x + float64(t.Setup.Link)/1e8)
			t.Outcome.Service.Downtime = t.Outcome.DT
			t.LinkUse = []vm.Rate{t.Setup.Link / 2 * vm.Rate(1-x/2)}
		})
		studytest.Verdicts(t, s, d, map[string]study.Verdict{
			"E-Fig1-1G": study.Fails, "E-rule": study.Fails, "E-Tab1-linear": study.Fails, "E-Tab1-faster": study.Fails,
			"E-sigma": study.Fails, "E-Tab2-stable": study.Fails, "E-Tab2-link": study.Fails, "E-500ms": study.Fails,
			"E-Fig5-1G": study.Fails, "E-gigabytes": study.Fails, "E-seconds": study.Fails,
		})
	})
	t.Run("one that never ends", func(t *testing.T) {
		d := studytest.Data(t, s, func(run string, t *results.Trial) {
			asPublished(2)(run, t)
			if run == "hybrid" && t.N == 7 {
				t.Status = results.Censored
			}
		})
		studytest.Verdicts(t, s, d, map[string]study.Verdict{"E-Tab1-ends": study.Fails})
	})
}

// TestPublished holds the tables as typed against what the publication and the arithmetic on it say.
func TestPublished(t *testing.T) {
	var x, slow, fast []float64
	largest := 0.0
	for _, p := range published() {
		x = append(x, study.Number(p.stressed)/1024)
		slow, fast = append(slow, study.Number(p.tmtSlow)), append(fast, study.Number(p.tmtFast))
		largest = max(largest, slow[len(slow)-1]/fast[len(fast)-1])
	}
	a, b := study.Line(x, slow), study.Line(x, fast)
	if math.Abs(a.Slope-17.40) > 0.01 || math.Abs(a.R2-0.9996) > 0.0001 || math.Abs(b.Slope-3.92) > 0.01 || math.Abs(b.R2-0.992) > 0.001 {
		t.Errorf("lines through table 1: %+v, %+v", a, b)
	}
	if perByte := a.Slope * 990e6 / 8 / (1 << 30); math.Abs(perByte-2.005) > 0.001 {
		t.Errorf("%.4f wire bytes per stressed byte", perByte)
	}
	if math.Abs(largest-3.89) > 0.005 {
		t.Errorf("largest ratio %.3f", largest)
	}
}
