package qmptest

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
)

// Play serves a transcript on a Unix socket, whose path it returns: its first connection to the first client, and so on.
//
// It goes through the recording in order and in lock step with the client: events and replies are sent as soon as their
// turn comes, without the recorded pauses; at a command it waits until the client sends one of the same name and
// arguments. A command that the recording has only later waits for its turn, so the order of commands sent at the same
// time does not matter. A query- command that the recording has no more of gets its latest recorded answer again, so a
// client may poll more often. Any other command without a counterpart, and a counterpart without a command, fail the
// test.
func Play(t testing.TB, file string) (path string) {
	t.Helper()
	left := connections(Load(t, file))
	n := 0
	t.Cleanup(func() { // after the one that Serve adds
		if len(left) > 0 {
			t.Errorf("%s: %d clients came, the transcript has %d more", file, n, len(left))
		}
	})
	return Serve(t, func(p *Peer) {
		n++
		if len(left) == 0 {
			t.Errorf("%s: client %d is one too many for the transcript", file, n)
			return
		}
		pl := &player{peer: p, left: left[0], ids: map[string]json.RawMessage{}, keys: map[string]string{},
			answers: map[string]json.RawMessage{}}
		left = left[1:]
		if err := pl.play(); err != nil {
			t.Errorf("%s: client %d: %v", file, n, err)
		}
	})
}

// Load reads a transcript's file.
func Load(t testing.TB, file string) []Entry {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var r io.Reader = f
	if strings.HasSuffix(file, ".gz") {
		if r, err = gzip.NewReader(f); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
	}
	entries, err := ReadTranscript(r)
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return entries
}

// connections are the messages of each connection of a transcript. The end of one is kept as its last entry.
func connections(entries []Entry) [][]Entry {
	var all [][]Entry
	for _, e := range entries {
		switch {
		case e.Dir == Remark:
		case e.Dir == Connected || len(all) == 0:
			all = append(all, nil)
			if e.Dir == Connected {
				continue
			}
			fallthrough
		default:
			all[len(all)-1] = append(all[len(all)-1], e)
		}
	}
	return all
}

// player plays one connection.
type player struct {
	peer    *Peer
	left    []Entry
	early   []Command                  // sent before their turn
	ids     map[string]json.RawMessage // the client's id of a command, by its recorded one
	keys    map[string]string          // a command's key, by its recorded id
	answers map[string]json.RawMessage // the latest recorded reply, by the command's key
}

func (pl *player) play() error {
	for len(pl.left) > 0 {
		e := pl.left[0]
		pl.left = pl.left[1:]
		switch {
		case e.Dir == Disconnected && string(e.Msg) == `"qemu"`:
			return nil
		case e.Dir == ToQEMU && e.Msg != nil:
			if err := pl.await(e); err != nil {
				return err
			}
		case e.Dir == FromQEMU && e.Msg != nil:
			pl.send(e.Msg)
		case e.Dir == FromQEMU:
			pl.peer.Write(e.Raw)
		}
	}
	for {
		c, ok := pl.peer.Next()
		if !ok {
			return nil
		}
		if err := pl.repeat(c); err != nil {
			return err
		}
	}
}

// await waits for the command of the recorded entry e.
func (pl *player) await(e Entry) error {
	want, id := recorded(e)
	i := slices.IndexFunc(pl.early, func(c Command) bool { return key(c.Name, c.OOB, c.Arguments) == want })
	var got Command
	if i >= 0 {
		got = pl.early[i]
		pl.early = slices.Delete(pl.early, i, i+1)
	}
	for i < 0 {
		c, ok := pl.peer.Next()
		k := key(c.Name, c.OOB, c.Arguments)
		switch {
		case !ok:
			return fmt.Errorf("left where the recording goes on with %s%s", want, pl.waiting())
		case k == want:
			got, i = c, 0
		case slices.ContainsFunc(pl.left, func(e Entry) bool { r, _ := recorded(e); return r == k }):
			pl.early = append(pl.early, c)
		default:
			if err := pl.repeat(c); err != nil {
				return fmt.Errorf("%w; the recording goes on with %s", err, want)
			}
		}
	}
	if (got.File != nil) != (e.FDs > 0) {
		return fmt.Errorf("%s: the recording has %d files with it, the client sent %v", want, e.FDs, got.File)
	}
	if got.File != nil {
		got.File.Close()
	}
	pl.ids[id], pl.keys[id] = got.ID, want
	return nil
}

// send sends a recorded message; a reply gets the id that the client gave the command.
func (pl *player) send(msg json.RawMessage) {
	reply := replyID(msg)
	if id, ok := pl.ids[reply]; ok {
		pl.answers[pl.keys[reply]] = msg
		msg = withID(msg, id)
	}
	pl.peer.Write(append(slices.Clone(msg), '\r', '\n'))
}

// repeat answers a query once more.
func (pl *player) repeat(c Command) error {
	k := key(c.Name, c.OOB, c.Arguments)
	msg, ok := pl.answers[k]
	if !ok || !isQuery(c.Name) {
		return fmt.Errorf("sent %s, which the recording has no more of", k)
	}
	pl.peer.Write(append(slices.Clone(withID(msg, c.ID)), '\r', '\n'))
	return nil
}

func (pl *player) waiting() string {
	if len(pl.early) == 0 {
		return ""
	}
	s := "; it has sent only what comes later:"
	for _, c := range pl.early {
		s += " " + key(c.Name, c.OOB, c.Arguments)
	}
	return s
}

// recorded is the key and the id of a recorded command.
func recorded(e Entry) (k, id string) {
	if e.Dir != ToQEMU {
		return "", ""
	}
	var m struct {
		Execute   string          `json:"execute"`
		ExecOOB   string          `json:"exec-oob"`
		Arguments json.RawMessage `json:"arguments"`
		ID        json.RawMessage `json:"id"`
	}
	if json.Unmarshal(e.Msg, &m) != nil {
		return "", ""
	}
	return key(m.Execute+m.ExecOOB, m.ExecOOB != "", m.Arguments), string(m.ID)
}

// key is the same for commands that mean the same: order and spacing of the arguments do not matter.
func key(name string, oob bool, arguments json.RawMessage) string {
	var v any
	json.Unmarshal(arguments, &v) // absent arguments are none
	if v == nil {
		v = map[string]any{}
	}
	canonical, _ := json.Marshal(v)
	if oob {
		name += " (oob)"
	}
	return name + " " + string(canonical)
}
