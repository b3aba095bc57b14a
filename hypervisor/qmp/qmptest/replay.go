package qmptest

import (
	"encoding/json"
	"math"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Replay plays the transcript of one or more monitors ([Recorder]) in the time in which it was recorded. It is meant for
// a testing/synctest bubble, where that takes no time and comes out the same every time.
//
// What QEMU did unasked comes when it came. A command is waited for, and time goes on from there; one that comes early
// waits for its turn. Commands whose names begin with query- only look, so a client is free in when and how often it
// sends them: it gets what QEMU answered to the one recorded nearest to then, as late as QEMU answered it (see nearest).
// Other commands without a counterpart, and a counterpart without a command, fail the test. Each monitor has one client.
// Files cannot be passed.
type Replay struct {
	t      testing.TB
	tracks map[string]*track

	mu   sync.Mutex
	zero time.Time // when the recording began, on the client's clock; moved by every command
	most float64   // as far as time may go, in ms of the recording: a command that comes then has not come yet
	over sync.WaitGroup
}

// late is by how much, in ms, a client may have been slower when it was recorded than it is now.
const late = 10

// track is one monitor's part.
type track struct {
	name      string
	peer      *Peer
	connected chan struct{}
	commands  chan Command
	early     []Command
	ids       map[string]json.RawMessage // the client's id of a command, by its recorded one
	said      []int                      // numbers of the entries that are no query's
	answers   map[string][]answer        // by the query's key
	dies      bool                       // it hangs up
	position  int                        // number of the entry that was sent last, guarded by Replay.mu
}

// answer is a query that was answered.
type answer struct {
	entry     int     // number of the query
	asked, at float64 // ms
	msg       json.RawMessage
}

// NewReplay begins to play. The caller ends every connection before it calls [Replay.Wait].
func NewReplay(t testing.TB, entries []Entry) *Replay {
	r := &Replay{t: t, tracks: map[string]*track{}}
	type query struct {
		key string
		answer
	}
	queries := map[string]query{} // by monitor and id
	entries = slices.Clone(entries)
	for i := range entries {
		entries[i].T += float64(i) * 1e-6 // what was recorded at one microsecond keeps its order
		e := entries[i]
		tr := r.tracks[e.Peer]
		if tr == nil {
			tr = &track{name: e.Peer, connected: make(chan struct{}), commands: make(chan Command, 64),
				ids: map[string]json.RawMessage{}, answers: map[string][]answer{}, position: -1}
			r.tracks[e.Peer] = tr
		}
		k, id := recorded(e)
		if isQuery(k) {
			queries[e.Peer+" "+id] = query{k, answer{entry: i, asked: e.T}}
		}
		tr.dies = tr.dies || isHangUp(e)
		if e.Dir != FromQEMU {
			continue
		}
		if q, ok := queries[e.Peer+" "+replyID(e.Msg)]; ok {
			q.at, q.msg = e.T, e.Msg
			tr.answers[q.key] = append(tr.answers[q.key], q.answer)
			continue
		}
		tr.said = append(tr.said, i)
	}
	r.over.Go(func() { r.play(entries) })
	return r
}

// Dial connects to a monitor.
func (r *Replay) Dial(name string) net.Conn {
	r.t.Helper()
	tr := r.tracks[name]
	if tr == nil {
		r.t.Fatalf("no monitor %q was recorded", name)
	}
	client, qemu := net.Pipe()
	tr.peer = NewPeer(qemu)
	close(tr.connected)
	r.over.Go(func() {
		defer close(tr.commands)
		for {
			c, ok := tr.peer.Next()
			if !ok {
				return
			}
			if isQuery(c.Name) {
				r.answer(tr, c)
			} else {
				tr.commands <- c
			}
		}
	})
	return client
}

// Wait returns when the clients are gone and all that they waited for is played.
func (r *Replay) Wait() { r.over.Wait() }

func (r *Replay) play(entries []Entry) {
	r.set(0)
	for i, e := range entries {
		tr := r.tracks[e.Peer]
		switch {
		case e.Dir == Connected:
			<-tr.connected
			r.set(e.T)
		case isHangUp(e):
			r.until(e.T)
			tr.peer.Close()
		case e.Dir == ToQEMU:
			k, id := recorded(e)
			if isQuery(k) {
				continue
			}
			r.mu.Lock()
			r.most = e.T
			r.mu.Unlock()
			c, ok := tr.await(k)
			if !ok {
				r.t.Errorf("%s: left where the recording goes on with %s", tr.name, k)
				return
			}
			tr.ids[id] = c.ID
			r.set(e.T)
		case e.Dir == FromQEMU && slices.Contains(tr.said, i):
			r.until(e.T)
			msg := e.Msg
			if id, ok := tr.ids[replyID(msg)]; ok {
				msg = withID(msg, id)
			}
			r.mu.Lock()
			tr.position = i
			r.mu.Unlock()
			tr.peer.Write(append(slices.Clone(msg), '\r', '\n'))
		}
	}
	for _, tr := range r.tracks {
		for _, c := range tr.early {
			r.t.Errorf("%s: sent %s, which was not recorded", tr.name, key(c.Name, c.OOB, c.Arguments))
		}
		for c := range tr.commands {
			r.t.Errorf("%s: sent %s, which the recording has no more of", tr.name, key(c.Name, c.OOB, c.Arguments))
			tr.peer.Fail(c, "GenericError", "not recorded")
		}
	}
}

// await waits for a command. It reports false if the client has gone without it.
func (tr *track) await(want string) (Command, bool) {
	for i, c := range tr.early {
		if key(c.Name, c.OOB, c.Arguments) == want {
			tr.early = slices.Delete(tr.early, i, i+1)
			return c, true
		}
	}
	for c := range tr.commands {
		if key(c.Name, c.OOB, c.Arguments) == want {
			return c, true
		}
		tr.early = append(tr.early, c)
	}
	return Command{}, false
}

// set makes it at milliseconds into the recording now.
func (r *Replay) set(at float64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.zero, r.most = time.Now().Add(-span(at)), math.Inf(1)
}

// until waits until it is at milliseconds into the recording.
func (r *Replay) until(at float64) {
	r.mu.Lock()
	wait := time.Until(r.zero.Add(span(at)))
	r.mu.Unlock()
	time.Sleep(wait)
}

func span(ms float64) time.Duration { return time.Duration(ms * float64(time.Millisecond)) }

func (r *Replay) answer(tr *track, c Command) {
	k := key(c.Name, c.OOB, c.Arguments)
	r.mu.Lock()
	now := min(float64(time.Since(r.zero))/float64(time.Millisecond), r.most)
	a, ok := tr.nearest(k, now)
	r.mu.Unlock()
	switch {
	case !ok && tr.dies:
		return // it did before it could answer
	case !ok:
		r.t.Errorf("%s: sent %s, which was not recorded", tr.name, k)
		tr.peer.Fail(c, "GenericError", "not recorded")
		return
	case now < a.at:
		r.until(a.at)
	}
	tr.peer.Write(append(slices.Clone(withID(a.msg, c.ID)), '\r', '\n'))
}

// nearest chooses an answer for a query that comes now. Best is one to a query that came when QEMU had said as much as
// now. Without such a one it is the next if that came soon, as to a client that was late, else the one before: QEMU
// does not know what comes.
func (tr *track) nearest(k string, now float64) (best answer, ok bool) {
	all := tr.answers[k]
	if len(all) == 0 {
		return answer{}, false
	}
	next := math.MaxInt
	if i, _ := slices.BinarySearch(tr.said, tr.position+1); i < len(tr.said) {
		next = tr.said[i]
	}
	from := slices.IndexFunc(all, func(a answer) bool { return a.entry > tr.position })
	if from < 0 {
		return all[len(all)-1], true
	}
	best = all[from]
	if best.entry > next && best.asked > now+late && from > 0 {
		return all[from-1], true
	}
	for _, a := range all[from:] {
		if a.entry < next && math.Abs(a.asked-now) < math.Abs(best.asked-now) {
			best = a
		}
	}
	return best, true
}

func isHangUp(e Entry) bool { return e.Dir == Disconnected && string(e.Msg) == `"qemu"` }

func isQuery(command string) bool { return strings.HasPrefix(command, "query-") }

func replyID(msg json.RawMessage) string {
	var m struct {
		ID json.RawMessage `json:"id"`
	}
	json.Unmarshal(msg, &m) // an event has none
	return string(m.ID)
}
