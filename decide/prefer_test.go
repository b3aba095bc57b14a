package decide

import (
	"testing"
	"time"

	"walm/predict"
	"walm/vm"
)

// TestPreCopyBeforeIdleThrottle: an auto-converge that never has to throttle is pre-copy with a worse name.
func TestPreCopyBeforeIdleThrottle(t *testing.T) {
	forecast := func(m vm.Method, loss time.Duration) predict.Forecast {
		return predict.Forecast{Method: m, Converges: 1, TMT: predict.Span{Mid: 4 * time.Second, Hi: 4 * time.Second},
			Loss: predict.Span{Mid: loss}}
	}
	for _, c := range []struct {
		plain time.Duration
		want  vm.Method
	}{{300 * time.Millisecond, vm.PreCopy}, {305 * time.Millisecond, vm.PreCopy}, {500 * time.Millisecond, vm.AutoConverge}} {
		plan, err := Choose([]predict.Forecast{forecast(vm.PreCopy, c.plain), forecast(vm.AutoConverge, 300*time.Millisecond)},
			Policy{Profile: Balanced}, nil)
		if err != nil || plan.Method != c.want || plan.Reason.Options[0].Method != c.want {
			t.Errorf("pre-copy loses %v, auto-converge 300 ms: chose %s (%v), want %s", c.plain, plan.Method, err, c.want)
		}
	}
}
