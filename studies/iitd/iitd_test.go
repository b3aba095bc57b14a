package iitd

import (
	"testing"
	"time"

	"walm/lab/results"
	"walm/studies/study"
	"walm/studies/study/studytest"
	"walm/vm"
)

// physics sends what is in use once, and in pre-copy what is dirtied meanwhile; only offline's phases follow one another.
func physics(_ string, t *results.Trial) {
	used := 0.7 * float64(t.Setup.Memory-t.Setup.Spare)
	link := float64(t.Setup.Link)
	once := used / link
	dirty := 4096 * t.Asked / link
	jitter := 0.001 * float64(t.Block)
	t.Outcome.Bytes = vm.Bytes(used)
	set := func(total, down float64) {
		t.Outcome.TMT, t.Outcome.DT = studytest.Seconds(total+jitter), studytest.Seconds(down+jitter)
		t.Outcome.Service.Downtime = t.Outcome.DT
	}
	switch t.Method {
	case vm.Offline:
		t.Phases = results.Phases{Suspend: studytest.Seconds(once/4 + jitter), Copy: studytest.Seconds(once + jitter),
			Resume: studytest.Seconds(once/5 + jitter)}
		set(once*1.45+3*jitter, once*1.45+3*jitter)
	case vm.PreCopy:
		down := 0.05 + 0.2*dirty
		set(once*(1+dirty)+down, down)
		t.Precopy = t.Outcome.TMT - t.Outcome.DT
	case vm.PostCopy:
		set(once+0.03, 0.02)
		t.Precopy = 10 * time.Millisecond
	}
}

func TestClaims(t *testing.T) {
	s := Study()
	t.Run("physics", func(t *testing.T) {
		studytest.Verdicts(t, s, studytest.Data(t, s, physics), map[string]study.Verdict{
			"B-III": study.Holds, "B-Eq1": study.Holds, "B-Eq2": study.Fails, "B-Eq3": study.Holds, "B-Eq4": study.Holds,
			"B-Fig4-6": study.Holds, "B-Fig4-6-size": study.Holds, "B-Fig7": study.Holds, "B-Fig7-size": study.Holds,
			"B-Fig9": study.Holds, "B-Fig10": study.Holds, "B-almost-zero": study.Holds, "B-Fig11": study.Holds,
			"B-Fig12": study.Fails, "B-II-size": study.Holds, "B-V-offline": study.Fails, "B-V-heavy": study.Holds,
		})
	})
	t.Run("as published", func(t *testing.T) {
		d := studytest.Data(t, s, func(run string, t *results.Trial) {
			physics(run, t)
			if t.Method == vm.PreCopy {
				t.Outcome.TMT, t.Outcome.DT = t.Outcome.TMT+5*time.Second, t.Outcome.DT+500*time.Millisecond
				t.Outcome.Service.Downtime = t.Outcome.DT
			}
			if t.Method == vm.PostCopy {
				t.Outcome.TMT += 7 * time.Second
				t.Outcome.Bytes = vm.MiB
			}
		})
		studytest.Verdicts(t, s, d, map[string]study.Verdict{
			"B-Eq1": study.Fails, "B-Fig12": study.Holds, "B-V-offline": study.Holds, "B-almost-zero": study.Fails,
			"B-Eq2": study.HoldsInPart,
		})
	})
	t.Run("flat", func(t *testing.T) {
		d := studytest.Data(t, s, func(_ string, t *results.Trial) {
			t.Outcome.TMT, t.Outcome.DT = 9*time.Second, 5*time.Second
			t.Outcome.Service.Downtime = t.Outcome.DT
			t.Phases = results.Phases{Suspend: 2 * time.Second, Copy: time.Second, Resume: time.Second}
			t.Precopy = time.Second
			if t.N == 2 {
				t.Status = results.Failed
			}
		})
		studytest.Verdicts(t, s, d, map[string]study.Verdict{
			"B-III": study.Fails, "B-Eq3": study.Fails, "B-Fig4-6": study.Fails, "B-Fig4-6-size": study.Fails, "B-Fig7": study.Fails,
			"B-Fig7-size": study.Fails, "B-Fig9": study.Fails, "B-Fig10": study.HoldsInPart, "B-Fig11": study.Fails,
			"B-V-heavy": study.Fails,
		})
	})
}
