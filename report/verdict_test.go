package report

import (
	"strings"
	"testing"

	"walm/measure"
)

// A move is never called good because the hypervisor said so: the guest's own check has the last word.
func TestVerdict(t *testing.T) {
	for _, c := range []struct {
		outcome    measure.Outcome
		mood, says string
	}{
		{measure.Outcome{Result: measure.Moved, TMT: sec, DT: ms}, "good", "no vCPU ran for 1 ms."},
		{measure.Outcome{Result: measure.Moved, TMT: sec}, "good", "in 1 s."},
		{measure.Outcome{Result: measure.Moved, Memory: &measure.Memory{Alive: true, Pages: 9}}, "good", "moved"},
		{measure.Outcome{Result: measure.Moved, Memory: &measure.Memory{Pages: 9}}, "bad", "no sign of life"},
		{measure.Outcome{Result: measure.Moved, Memory: &measure.Memory{Alive: true, Pages: 9, Bad: 3}}, "bad",
			"3 pages of its memory hold wrong content"},
		{measure.Outcome{Result: measure.Stayed}, "warn", "runs at the source"},
		{measure.Outcome{Result: measure.Cancelled}, "warn", "runs at the source"},
		{measure.Outcome{Result: measure.Paused}, "bad", "can be recovered"},
		{measure.Outcome{Result: measure.Lost}, "bad", "no end runs it"},
		{measure.Outcome{Result: measure.Unknown}, "bad", "ask both ends"},
	} {
		rec := hybrid()
		rec.Outcome = c.outcome
		if got := verdict(rec); !strings.Contains(got, c.says) || mood(rec.Outcome) != c.mood {
			t.Errorf("%s: %q, %s; want %q, %s", c.outcome.Result, got, mood(rec.Outcome), c.says, c.mood)
		}
	}
}
