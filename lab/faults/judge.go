package faults

import "fmt"

// Verdict is what a faulted migration comes to.
type Verdict string

// The verdicts. Only the first is as it should be.
const (
	Held   Verdict = "held"   // the VM ended as expected, and walm's word was true
	Other  Verdict = "other"  // it is safe, but not where it was expected
	Left   Verdict = "left"   // a good copy runs nowhere, after the next step was taken
	Untrue Verdict = "untrue" // it is where it was expected, and walm said something else
	Bad    Verdict = "bad"    // it was lost with a copy at hand, runs twice, or is corrupted
	Missed Verdict = "missed" // the migration did not come to the phase: nothing was tested
)

// Verdicts lists them as they are shown.
func Verdicts() []Verdict { return []Verdict{Held, Other, Left, Untrue, Bad, Missed} }

// judge holds what was found, and what was said, against the table.
func judge(r Result) (Verdict, string) {
	for _, f := range []Found{r.First, r.Last} {
		switch {
		case f.Standing == Twice:
			return Bad, "the VM ran at both ends"
		case f.Standing == Corrupted:
			return Bad, fmt.Sprintf("%d of %d pages were not as they were written", f.Bad, f.Pages)
		}
	}
	e := Expect(r.Cell)
	end := r.Last.Standing
	switch {
	case e.Allows(end):
	case end == Hanging && r.Last.Source.Process == "gone" && e.Allows(Gone): // on a page that nobody has any more: nothing whole is left
	case end == HeldSource, end == HeldDest, end == Split, end == Hanging:
		return Left, fmt.Sprintf("it ended as %s, expected %v", end, e)
	case end == Gone:
		return Bad, fmt.Sprintf("it is gone, expected %v", e)
	default:
		return Other, fmt.Sprintf("it ended as %s, expected %v", end, e)
	}
	// A destination that is short of memory may be ended once walm has spoken.
	later := r.Fault == NoMemory && r.Alive && r.Word.Claim == Moved && r.First.Standing == Gone
	if why := untrue(r.Word.Claim, r.First.Standing); why != "" && !later {
		return Untrue, why
	}
	if r.Recovery != nil {
		if why := untrue(r.Recovery.Claim, end); why != "" && !(r.Recovery.Claim == Moved && end == AtSource) {
			return Untrue, "walm recover: " + why
		}
	}
	return Held, ""
}

// untrue says how a claim contradicts what was found with it; empty where it does not. That a human must look is always
// allowed: it is a word about what walm could see.
func untrue(c Claim, s Standing) string {
	wrong := false
	switch c {
	case Moved: // what hangs could not be checked in time
		wrong = s != AtDestination && s != Hanging
	case Stayed:
		wrong = s != AtSource && s != Hanging
	case Between:
		wrong = s != Split
	case LostVM:
		wrong = s != Gone
	}
	if !wrong {
		return ""
	}
	return fmt.Sprintf("walm said %s, and it was found as %s", c, s)
}
