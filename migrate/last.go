package migrate

import "walm/vm"

// Last is what a journal tells of a move that nobody carries out any more. Its zero value is no journal: then everything
// that can be unsafe is taken to have been asked for. Everything in it that was asked for may have been done.
type Last struct {
	Method vm.Method
	Act    vm.ActKind // the last intent
	Open   bool       // and it has no outcome
	State  State      // the last that was entered
	Gaps   bool       // entries are missing, and not only a torn last one: an intent is on disk before it is acted on

	Started      bool // ActStart, or the first act of an offline move, was asked for
	Postcopy     bool // ActPostcopy was: from here on nothing is cancelled
	Resume       bool // ActResume was: the destination may have run
	ResumeSource bool // ActResumeSource was: the source may have run on since it was saved
	GaveUp       bool // the VM was to stay at the source
}

// After is l once the journal goes on with e. A move begins with the intent of ActPrepare, and with it l begins anew;
// what a recovery writes belongs to the move that it looks after.
func (l Last) After(e Entry) Last {
	switch e.Kind {
	case "intent":
		if e.Act.Kind == vm.ActPrepare {
			l = Last{Method: e.Act.Method}
		}
		l.Act, l.Open = e.Act.Kind, true
		l.asked(e.Act.Kind)
	case "outcome":
		if e.Act.Kind == l.Act {
			l.Open = false
		}
	case "state":
		l.State = e.State
		l.GaveUp = l.GaveUp || e.State == Returning
	}
	return l
}

// asked keeps what the act changes for good.
func (l *Last) asked(k vm.ActKind) {
	switch k {
	case vm.ActStart, vm.ActPause:
		l.Started = true
	case vm.ActPostcopy, vm.ActRecover:
		l.Postcopy = true
	case vm.ActResume:
		l.Resume = true
	case vm.ActResumeSource:
		l.ResumeSource, l.GaveUp = true, true
	case vm.ActCancel:
		l.GaveUp = true
	}
}

// blind says that the journal does not tell all that was asked for.
func (l Last) blind() bool { return l.Method == "" || l.Gaps }

// mayPostcopy says that post-copy may begin at any moment, or have begun: a cancel could destroy the VM.
func (l Last) mayPostcopy() bool { return l.Postcopy || l.blind() }

func (l Last) offline() bool { return l.Method == vm.Offline }
