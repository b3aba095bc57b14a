package rpctest

import (
	"fmt"
	"net"
	"os"
	"slices"
	"sync"
	"testing"
)

// Play serves a transcript on a UNIX socket, whose path it returns: its first connection to the first client, and so on.
//
// It goes through the recording in order and in lock step with the client: events and replies are sent as soon as their
// turn comes, without the recorded pauses; at a call it waits until the client makes the same one. A call that the
// recording has only later waits for its turn, so the order of calls made at the same time does not matter. A question
// that the recording has no more of gets its latest recorded answer again, so a client may poll more often; it may also
// look at a job less often. Any other call without a counterpart, and a counterpart without a call, fail the test.
func Play(t testing.TB, file string) (path string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "rpc") // not t.TempDir, whose path can exceed the 107 bytes of a socket's
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", dir+"/s")
	if err != nil {
		t.Fatal(err)
	}
	left := connections(Load(t, file))
	var wg sync.WaitGroup
	wg.Go(func() {
		for n := 1; ; n++ {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			p := NewPeer(conn)
			if len(left) == 0 {
				t.Errorf("%s: client %d is one too many for the transcript", file, n)
				p.Close()
				continue
			}
			pl := &player{peer: p, left: left[0], serials: map[uint32]uint32{}, answers: map[string]Entry{}, asked: map[uint32]string{}}
			left = left[1:]
			wg.Go(func() {
				defer p.Close()
				if err := pl.play(); err != nil {
					t.Errorf("%s: client %d: %v", file, n, err)
				}
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		wg.Wait()
		os.RemoveAll(dir)
		if len(left) > 0 {
			t.Errorf("%s: the transcript has %d clients more than came", file, len(left))
		}
	})
	return dir + "/s"
}

// connections are the messages of each connection, in the order in which they began.
func connections(entries []Entry) [][]Entry {
	index := map[int]int{}
	var all [][]Entry
	for _, e := range entries {
		i, known := index[e.Client]
		if !known {
			i = len(all)
			index[e.Client] = i
			all = append(all, nil)
		}
		if e.Dir == FromDaemon || e.Dir == ToDaemon {
			all[i] = append(all[i], e)
		}
	}
	return all
}

// player plays one connection.
type player struct {
	peer    *Peer
	left    []Entry
	early   []Message         // sent before their turn
	serials map[uint32]uint32 // the client's serial of a call, by its recorded one
	asked   map[uint32]string // a call's key, by its recorded serial
	answers map[string]Entry  // the latest recorded answer, by the call's key
}

func (pl *player) play() error {
	for len(pl.left) > 0 {
		e := pl.left[0]
		pl.left = pl.left[1:]
		switch {
		case e.Dir == ToDaemon:
			if err := pl.await(e); err != nil {
				return err
			}
		case e.Kind == Reply && pl.asked[e.Serial] == "": // to a look that was passed over
		case e.Kind == Reply:
			pl.answers[pl.asked[e.Serial]] = e
			pl.peer.Send(e.message(pl.serials[e.Serial]))
		default:
			pl.peer.Send(e.message(e.Serial))
		}
	}
	for {
		m, ok := pl.next()
		if !ok {
			return nil
		}
		if err := pl.repeat(m); err != nil {
			return err
		}
	}
}

// next is the client's next call. Keep-alive is answered, whatever the recording says.
func (pl *player) next() (Message, bool) {
	for {
		m, ok := pl.peer.Next()
		if !ok || m.Program != KeepAlive {
			return m, ok
		}
		m.Procedure = 2
		pl.peer.Send(m)
	}
}

// await waits for the recorded call e.
func (pl *player) await(e Entry) error {
	want := key(e.message(0))
	got, here := Message{}, false
	if i := slices.IndexFunc(pl.early, func(m Message) bool { return key(m) == want }); i >= 0 {
		got, here = pl.early[i], true
		pl.early = slices.Delete(pl.early, i, i+1)
	}
	for !here {
		m, ok := pl.next()
		later := func(e Entry) bool { return e.Dir == ToDaemon && key(e.message(0)) == key(m) }
		switch {
		case !ok && looks(append(pl.left, e)):
			return nil
		case !ok:
			return fmt.Errorf("left where the recording goes on with %s", e.What)
		case key(m) == want:
			got, here = m, true
		case slices.ContainsFunc(pl.left, later) && looks([]Entry{e}):
			pl.early = append(pl.early, m)
			return nil
		case slices.ContainsFunc(pl.left, later):
			pl.early = append(pl.early, m)
		default:
			if err := pl.repeat(m); err != nil {
				return fmt.Errorf("%w; it goes on with %s", err, e.What)
			}
		}
	}
	pl.serials[e.Serial], pl.asked[e.Serial] = got.Serial, want
	return nil
}

// repeat answers a question once more.
func (pl *player) repeat(m Message) error {
	e, ok := pl.answers[key(m)]
	if !ok || !question(m) {
		return fmt.Errorf("called %s (%x), which the recording has no more of", name(m.Program, m.Procedure), m.Body)
	}
	pl.peer.Send(e.message(m.Serial))
	return nil
}

// key is the same for calls that mean the same.
func key(m Message) string { return fmt.Sprintf("%d %d %x", m.Program, m.Procedure, m.Body) }

// looks says whether nothing is called among these but for the state of a job.
func looks(entries []Entry) bool {
	return !slices.ContainsFunc(entries, func(e Entry) bool {
		program, number, _ := e.procedure()
		return e.Dir == ToDaemon && (program != Remote || number != jobStats)
	})
}

// question says whether a call changes nothing.
func question(m Message) bool {
	return m.Program == Remote && slices.Contains([]uint32{connectVersion, capabilities, domainXML, domainInfo, lookupID, lookupName,
		lookupUUID, hostname, freeMemory, connectURI, isPersistent, libVersion, hasManagedSave, snapshotNum, domainState, listAll,
		jobStats, domainCapabilities, allStats, getDowntime}, m.Procedure)
}
