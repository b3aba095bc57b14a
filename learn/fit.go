package learn

import (
	"math"
	"time"

	"walm/observe"
	"walm/predict"
	"walm/stats"
	"walm/vm"
)

// Constant is one of a pair's constants as its outcomes have it.
type Constant struct {
	Name     string
	Default  float64 // seconds, or bytes per second
	Value    float64
	Estimate stats.Estimate // of what the outcomes alone say; N is how many told
	Unit     string         // "s" or "B/s"
}

// prior is how many outcomes the default weighs as much as.
const prior = 4

// Fewest is from how many moves on a pair's own constants are used.
const Fewest = 5

// Fit fits a pair's constants to its outcomes. Each is the median of what the outcomes say that can tell it, drawn to its
// default as if that were four more outcomes:
//
//	Switchover  what downtime lasted longer than forecast, where the VM was switched over at the end of pre-copy
//	Handover    likewise, where it was switched to post-copy
//	Finish      what total time lasted longer than forecast in post-copy, which nothing else makes uncertain
//	DiskRate    what is left of offline's downtime without the copy over the link
//
// Setup is not told apart from Finish, and FaultService not from what a guest touches: they stay.
func Fit(all []Outcome, base predict.Host) (predict.Host, []Constant) {
	var switchover, handover, finish, disk stats.Sample
	for _, o := range all {
		if !o.Moved() || o.Simulated {
			continue
		}
		seen := o.Trace
		seen.Curve, _ = observe.Clean(seen.Curve)
		f := predict.Method(o.Method, o.Params, seen, o.Link, base)
		if f.TMT.Mid == predict.Never {
			continue
		}
		longer := (o.DT - f.DT.Mid).Seconds()
		switch {
		case o.Method == vm.Offline:
			if standing := longer + 2*float64(f.Bytes.Mid)/float64(base.DiskRate); standing > 0 {
				disk = append(disk, 2*float64(f.Bytes.Mid)/standing)
			}
		case o.Method.Postcopies() && f.Exposure.Mid > 0:
			handover = append(handover, base.Handover.Seconds()+longer)
			if o.Method == vm.PostCopy {
				finish = append(finish, base.Finish.Seconds()+(o.TMT-f.TMT.Mid).Seconds())
			}
		default:
			switchover = append(switchover, base.Switchover.Seconds()+longer)
		}
	}
	fitted := base
	constants := []Constant{
		constant("Switchover", "s", base.Switchover.Seconds(), switchover),
		constant("Handover", "s", base.Handover.Seconds(), handover),
		constant("Finish", "s", base.Finish.Seconds(), finish),
		constant("DiskRate", "B/s", float64(base.DiskRate), disk),
	}
	seconds := func(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
	fitted.Switchover, fitted.Handover, fitted.Finish = seconds(constants[0].Value), seconds(constants[1].Value), seconds(constants[2].Value)
	fitted.DiskRate = vm.Rate(constants[3].Value)
	return fitted, constants
}

func constant(name, unit string, otherwise float64, told stats.Sample) Constant {
	c := Constant{Name: name, Unit: unit, Default: otherwise, Value: otherwise, Estimate: told.MedianInterval(0.95, 1)}
	if n := float64(len(told)); n > 0 {
		least := 0.0 // no time is below zero, no disk without speed
		if unit == "B/s" {
			least = otherwise / 100
		}
		c.Value = math.Max(least, (prior*otherwise+n*c.Estimate.Mid)/(prior+n))
	}
	return c
}
