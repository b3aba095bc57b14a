package forecast

import (
	"math/rand/v2"
	"testing"
	"time"

	"walm/lab/results"
	"walm/measure"
	"walm/predict"
	"walm/studies/study"
	"walm/studies/study/studytest"
	"walm/vm"
)

// world has migrations that were forecast to take ten seconds, with a downtime of one and a loss of two, and took so
// many times that.
func world(times func(method vm.Method, random *rand.Rand) float64) studytest.World {
	random := rand.New(rand.NewPCG(1, 1))
	return func(_ string, t *results.Trial) {
		about := func(d time.Duration) predict.Span {
			return predict.Span{Lo95: d * 988 / 1000, Lo: d * 99 / 100, Mid: d, Hi: d * 101 / 100, Hi95: d * 1012 / 1000}
		}
		t.Trace = &vm.Trace{RAM: vm.GiB, Zero: vm.GiB / 2, Curve: vm.Curve{{Window: time.Second, Dirty: vm.MiB}}}
		t.Path = vm.Link{Bandwidth: 54e6}
		t.Forecast = []predict.Forecast{{Method: t.Method, TMT: about(10 * time.Second), DT: about(time.Second),
			Loss: about(2 * time.Second), Converges: 1}}
		k := times(t.Method, random)
		t.Outcome.Result, t.Outcome.TMT, t.Outcome.DT = measure.Moved, studytest.Seconds(10*k), studytest.Seconds(k)
		t.Outcome.Loss = &measure.Loss{Lost: studytest.Seconds(2 * k)}
	}
}

func TestGoodWorld(t *testing.T) {
	d := studytest.Data(t, Study(), world(func(_ vm.Method, r *rand.Rand) float64 { return 1 + (r.Float64()-0.5)/40 }))
	studytest.Verdicts(t, Study(), d, map[string]study.Verdict{
		"size": study.Holds, "U-TMT": study.Holds, "U-TMT-p90": study.Holds, "U-bad": study.Holds, "U-DT": study.Holds,
		"U-loss": study.Holds, "U-TMT-in": study.Holds, "U-DT-in": study.Holds, "U-loss-in": study.Holds,
	})
}

func TestBadWorld(t *testing.T) {
	d := studytest.Data(t, Study(), world(func(m vm.Method, _ *rand.Rand) float64 {
		if m == vm.AutoConverge {
			return 2
		}
		return 1.25
	}))
	studytest.Verdicts(t, Study(), d, map[string]study.Verdict{
		"U-TMT": study.Fails, "U-TMT-p90": study.Fails, "U-bad": study.Fails, "U-DT": study.Fails, "U-loss": study.Holds,
		"U-TMT-in": study.Fails, "U-DT-in": study.Fails, "U-loss-in": study.Fails,
	})
}

// TestWrong: what had not ended is right to have been forecast so, and what ended is wrong to have been forecast never to.
func TestWrong(t *testing.T) {
	for _, tt := range []struct {
		name     string
		status   results.Status
		forecast time.Duration
		wrong    bool
	}{
		{"ended as forecast", results.Done, 8 * time.Second, false},
		{"ended, forecast to take longer than the limit", results.Done, 20 * time.Second, false},
		{"ended, forecast never to", results.Done, predict.Never, true},
		{"not ended as forecast", results.Censored, predict.Never, false},
		{"not ended, forecast to take longer", results.Censored, 20 * time.Second, false},
		{"not ended, forecast to", results.Censored, 8 * time.Second, true},
	} {
		m := migration{results.Trial{Status: tt.status}, predict.Forecast{TMT: predict.Span{Mid: tt.forecast}}}
		m.Setup.Limit = 10 * time.Second
		m.Outcome.TMT = 8 * time.Second
		if m.wrong() != tt.wrong {
			t.Errorf("%s: wrong %v", tt.name, m.wrong())
		}
	}
}
