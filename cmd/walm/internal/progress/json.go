package progress

import (
	"encoding/json"
	"time"

	"walm/predict"
	"walm/vm"
)

// Line is one line of mode json. Kind tells which keys it has:
//
//	step       at, step                        a step begins
//	step-done  at, step, elapsed_seconds       it has ended
//	series     at, step, series                how far a series of trials has come
//	reading    at, and all of Reading          the state of a migration; null is "not known" or "never"
type Line struct {
	Kind    string      `json:"kind"`
	At      time.Time   `json:"at"`
	Step    string      `json:"step,omitempty"`
	Elapsed *float64    `json:"elapsed_seconds,omitempty"`
	Series  *SeriesLine `json:"series,omitempty"`
	*Reading
}

// SeriesLine is how far a series of trials has come.
type SeriesLine struct {
	Done  int      `json:"done"`
	Total int      `json:"total"`
	Left  *float64 `json:"predicted_left_seconds"`
	Ended string   `json:"ended,omitempty"` // the trial that has just ended
}

// Reading is the state of a migration.
type Reading struct {
	Method      vm.Method `json:"method"`
	Phase       string    `json:"phase"`
	Pass        int       `json:"pass"`
	Done        float64   `json:"done_share"` // 0 to 1, never less than in the line before
	Total       vm.Bytes  `json:"total_bytes"`
	Remaining   vm.Bytes  `json:"remaining_bytes"`
	Transferred vm.Bytes  `json:"transferred_bytes"`
	Rate        vm.Rate   `json:"rate_bytes_per_second"`
	DirtyRate   vm.Rate   `json:"dirty_rate_bytes_per_second"`
	Throttle    int       `json:"throttle_percent"`
	Left        *float64  `json:"predicted_left_seconds"`
	TMT         Interval  `json:"predicted_tmt_seconds"`
	Note        string    `json:"note"`
}

// Interval is a forecast: median and 80 % interval, null for what never ends.
type Interval struct {
	Lo  *float64 `json:"lo"`
	Mid *float64 `json:"mid"`
	Hi  *float64 `json:"hi"`
}

func newLine(now time.Time, s Status, remaining time.Duration, share float64) Line {
	elapsed, p := now.Sub(s.Started).Seconds(), s.Progress
	return Line{Kind: "reading", At: now, Elapsed: &elapsed, Reading: &Reading{
		Method: s.Method, Phase: s.Phase, Pass: p.Pass,
		Done: share, Total: p.Total, Remaining: p.Remaining, Transferred: p.Transferred,
		Rate: p.Rate, DirtyRate: p.DirtyRate,
		Throttle: p.Throttle, Left: seconds(remaining), Note: s.Note,
		TMT: Interval{seconds(s.Forecast.Lo), seconds(s.Forecast.Mid), seconds(s.Forecast.Hi)}}}
}

func seconds(d time.Duration) *float64 {
	if d == predict.Never {
		return nil
	}
	s := d.Seconds()
	return &s
}

// line writes one line. That standard error cannot be written is nowhere to be told.
func (d *Display) line(l Line) { _ = json.NewEncoder(d.w).Encode(l) }
