package move

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"walm/journal"
	"walm/measure"
	"walm/migrate"
	"walm/predict"
	"walm/vm"
)

// The kinds of a journal's entries beside those of migrate.Entry.
const (
	kindBegin = "begin"
	kindEnd   = "end"
)

// Begun is a move's first entry in its journal: all that another walm needs to look after it.
type Begun struct {
	At             time.Time
	Kind           string
	ID             string
	Walm           string // its version
	VM             string // for people, as are these two
	Source, Target string
	Method         vm.Method
	Params         vm.Params
	TMT, DT        predict.Span    // as they were forecast
	Route          json.RawMessage `json:",omitempty"` // how both ends are reached, in the words of who wrote it
	Settings       json.RawMessage `json:",omitempty"` // what is changed at both ends, in the driver's
}

// Ended is a move's last entry: how it ended, by the move's own or a recovery's word.
type Ended struct {
	At      time.Time
	Kind    string
	ID      string
	Result  measure.Result
	Detail  string
	Outcome *measure.Outcome `json:",omitempty"` // nil where nobody measured it
}

// Keeper is a pair that can tell what a move is about to change at both ends.
type Keeper interface {
	Settings(context.Context, vm.Method, vm.Params) (json.RawMessage, error)
}

// Story is what a journal tells of the last move that it holds. A beginning that was lost leaves Begun nil.
type Story struct {
	Begun   *Begun
	Last    migrate.Last
	Ended   *Ended // nil: nobody has seen its end
	Dropped []string
	At      time.Time // of the last entry
	pages   []json.RawMessage
}

// Tell reads the last move's story.
func Tell(c journal.Contents) Story {
	var s Story
	for _, e := range c.Entries {
		s.Last.Gaps = s.Last.Gaps || e.Gap
		s.page(e.JSON)
	}
	s.Last.Gaps = s.Last.Gaps || c.Gap
	s.Dropped = c.Dropped
	return s
}

func (s *Story) page(text json.RawMessage) {
	var head struct {
		At   time.Time
		Kind string
	}
	if json.Unmarshal(text, &head) != nil {
		return // of a later walm: it says nothing to this one
	}
	s.At = head.At
	switch head.Kind {
	case kindBegin:
		var b Begun
		if json.Unmarshal(text, &b) != nil {
			return
		}
		*s = Story{Begun: &b, Last: migrate.Last{Method: b.Method}, At: head.At}
	case kindEnd:
		var e Ended
		if json.Unmarshal(text, &e) == nil {
			s.Ended = &e
		}
	default:
		var e migrate.Entry
		if json.Unmarshal(text, &e) == nil {
			s.follow(e)
		}
	}
	s.pages = append(s.pages, text)
}

// follow takes what was done after the beginning. What a recovery does may come after an end that was none; behind an end
// that was one it belongs to a move whose beginning is lost.
func (s *Story) follow(e migrate.Entry) {
	if e.Kind == "intent" && s.Ended != nil && !s.Open() {
		*s = Story{At: s.At, Last: migrate.Last{Gaps: true}}
	}
	gaps, method, state := s.Last.Gaps, s.Last.Method, s.Last.State
	s.Last = s.Last.After(e) // which begins anew with the intent to prepare
	s.Last.Gaps = gaps
	if s.Last.State == "" {
		s.Last.State = state
	}
	if s.Begun != nil {
		s.Last.Method = method
	}
}

// Open says that the move has no end that leaves nothing to do.
func (s Story) Open() bool {
	if s.Ended == nil {
		return s.Begun != nil || s.Last.Act != ""
	}
	return !slices.Contains([]measure.Result{measure.Moved, measure.Stayed, measure.Cancelled, measure.Lost}, s.Ended.Result)
}

// Pages are the entries of the story, which is all that a journal has to keep.
func (s Story) Pages() []json.RawMessage { return s.pages }
