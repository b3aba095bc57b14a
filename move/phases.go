package move

import (
	"errors"

	"walm/decide"
	"walm/predict"
	"walm/vm"
)

// InPhase is what would be chosen if the move began in that phase of a VM that works and rests in turn, and what every method
// would cost then.
type InPhase struct {
	Phase     vm.Phase
	Plan      decide.Plan // of no method where none meets the limits
	Forecasts []predict.Forecast
}

// inPhases asks the question once more for either phase.
func (r Request) inPhases(t vm.Trace, l vm.Link) ([]InPhase, error) {
	if t.Phases == nil {
		return nil, nil
	}
	var list []InPhase
	for _, phase := range []vm.Phase{vm.BusyPhase, vm.QuietPhase} {
		begun := *t.Phases
		begun.Begins = phase
		t.Phases = &begun
		plan, fs, err := r.question(t, l).Pick()
		if err != nil && !errors.Is(err, decide.ErrNoMethod) {
			return nil, err
		}
		for i := range fs {
			fs[i].Replays = nil
		}
		plan.Forecast.Replays = nil
		list = append(list, InPhase{phase, plan, fs})
	}
	return list, nil
}
