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
		"F-size": study.Holds, "F-TMT": study.Holds, "F-TMT-p90": study.Holds, "F-bad": study.Holds, "F-DT": study.Holds,
		"F-loss": study.Holds, "F-TMT-in": study.Holds, "F-DT-in": study.Holds, "F-loss-in": study.Holds,
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
		"F-TMT": study.Fails, "F-TMT-p90": study.Fails, "F-bad": study.Fails, "F-DT": study.Fails, "F-loss": study.Holds,
		"F-TMT-in": study.Fails, "F-DT-in": study.Fails, "F-loss-in": study.Fails,
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
