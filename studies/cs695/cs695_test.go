package cs695

import (
	"testing"

	"walm/lab/results"
	"walm/studies/study"
	"walm/studies/study/studytest"
	"walm/vm"
)

// qemu is a world in which pre-copy stops the VM at its downtime limit, whatever the link and the load.
func qemu(_ string, t *results.Trial) {
	link := float64(t.Setup.Link)
	used := float64(t.Setup.Workload.Arena())
	dirty := 4096 * max(0, t.Asked) / link
	once := used / link
	t.Dirty = vm.Rate(t.Asked * 4096)
	if t.Asked == 0 {
		t.Dirty = vm.Rate(used * 20)
	}
	down := 0.25
	pre := once * (1 + dirty)
	if t.Method == vm.StopAndCopy {
		pre, down = 0.02, once+0.001*float64(t.Block)
	}
	t.Precopy, t.Outcome.DT = studytest.Seconds(pre), studytest.Seconds(down)
	t.Outcome.TMT = t.Precopy + t.Outcome.DT
	if t.Method == vm.PreCopy && dirty == 0 {
		t.Outcome.TMT = studytest.Seconds(once + 0.02 + 0.002*float64(t.Block))
		t.Precopy = t.Outcome.TMT - t.Outcome.DT
	}
}

// asTold is a world as the report tells it, contradictions and all.
func asTold(run string, t *results.Trial) {
	qemu(run, t)
	if t.Method == vm.StopAndCopy {
		t.Outcome.DT, t.Outcome.TMT = studytest.Seconds(0.01), t.Outcome.TMT*4/5
	} else {
		t.Precopy = t.Outcome.TMT
		t.Outcome.DT = t.Precopy / 8
		t.Outcome.TMT = t.Precopy + t.Outcome.DT
	}
	t.Dirty = vm.Rate(t.Setup.Workload.Arena()) * 20
}

func TestClaims(t *testing.T) {
	s := Study()
	t.Run("qemu", func(t *testing.T) {
		studytest.Verdicts(t, s, studytest.Data(t, s, qemu), map[string]study.Verdict{
			"A-4": study.Holds, "A-Fig1": study.Holds, "A-Fig1-sum": study.Holds, "A-Fig1-DT": study.Fails, "A-Fig2": study.Holds,
			"A-Fig2-DT": study.Holds, "A-Fig3": study.Holds, "A-Fig4": study.Fails, "A-5.3": study.Fails,
			"A-Fig5": study.HoldsInPart, "A-Fig6": study.HoldsInPart, "A-Fig7-TMT": study.Holds, "A-Fig7-pre": study.Holds,
			"A-Fig7-DT": study.Fails, "A-Fig7-sum": study.Holds,
		})
	})
	t.Run("as told", func(t *testing.T) {
		studytest.Verdicts(t, s, studytest.Data(t, s, asTold), map[string]study.Verdict{
			"A-Fig1-DT": study.Holds, "A-Fig2-DT": study.Fails, "A-Fig4": study.Holds, "A-5.3": study.Holds, "A-Fig5": study.Holds,
			"A-Fig6": study.Holds, "A-Fig7-DT": study.Holds,
		})
	})
	t.Run("upside down", func(t *testing.T) {
		d := studytest.Data(t, s, func(_ string, t *results.Trial) {
			t.Outcome.TMT = studytest.Seconds(1e9/float64(t.Setup.Memory) + float64(t.Setup.Link)/1e7 + 1e4/max(t.Asked, 1))
			t.Precopy, t.Outcome.DT = t.Outcome.TMT*4/5, t.Outcome.TMT/10
			t.Outcome.Loss.Baseline *= 1.1
			t.Dirty = 1
		})
		studytest.Verdicts(t, s, d, map[string]study.Verdict{
			"A-4": study.Fails, "A-Fig1": study.Fails, "A-Fig1-sum": study.Fails, "A-Fig2": study.Fails, "A-Fig3": study.Fails,
			"A-Fig6": study.Fails, "A-Fig7-TMT": study.Fails, "A-Fig7-pre": study.Fails, "A-Fig7-sum": study.Fails,
		})
	})
}
