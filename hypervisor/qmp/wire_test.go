package qmp

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

func TestInboxLimit(t *testing.T) {
	event := func(n int) string { return fmt.Sprintf(`{"event": %q}`, strings.Repeat("E", n)) }
	for _, tt := range []struct {
		name, says string
		whole      int // messages before the end
		want       error
	}{
		{"many small", strings.Repeat(event(50), 1000), 1000, io.EOF},
		{"one too big", event(10) + event(5000), 1, errTooBig},
		{"endless space", event(10) + strings.Repeat(" ", 5000), 1, errTooBig},
		{"endless string", `{"event": "` + strings.Repeat("x", 5000), 0, errTooBig},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in := newInbox(strings.NewReader(tt.says), 1000)
			n := 0
			_, err := in.next()
			for ; err == nil; n++ {
				_, err = in.next()
			}
			if n != tt.whole || !errors.Is(err, tt.want) {
				t.Errorf("%d messages, then %v; want %d, then %v", n, err, tt.whole, tt.want)
			}
		})
	}
}

func TestTimestamp(t *testing.T) {
	for _, tt := range []struct {
		stamp timestamp
		want  time.Time
	}{
		{timestamp{1763690000, 123456}, time.Unix(1763690000, 123456000)},
		{timestamp{-1, -1}, time.Time{}},
		{timestamp{}, time.Time{}},
	} {
		if got := tt.stamp.time(); !got.Equal(tt.want) {
			t.Errorf("%v: %v, want %v", tt.stamp, got, tt.want)
		}
	}
}

var seeds = []string{
	`{"QMP": {"version": {"qemu": {"micro": 2, "minor": 0, "major": 10}, "package": ""}, "capabilities": ["oob"]}}`,
	`{"return": {}, "id": 1}`,
	`{"return": {"status": "running"}, "id": 2}{"error": {"class": "GenericError", "desc": "no"}, "id": 2}`,
	`{"timestamp": {"seconds": 1, "microseconds": 2}, "event": "STOP"}`,
	"{\r\n  \"event\": \"MIGRATION\",\r\n  \"data\": {\"status\": \"active\"}}\r\n",
	`{"error": {"class": "GenericError", "desc": "Invalid JSON syntax"}}`,
	`{"return": `, `[[[[`, "\xff\x00", `{"id": 1e400, "return": null}`, "null", `"`,
}

// The messages found do not depend on how the stream is cut, and a stream always comes to an end.
func FuzzDecode(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	all := func(r io.Reader) (ids []uint64, events []string, err error) {
		in := newInbox(r, 1<<16)
		for {
			m, err := in.next()
			if err != nil {
				return ids, events, err
			}
			ids = append(ids, m.id())
			events = append(events, m.Event)
		}
	}
	f.Fuzz(func(t *testing.T, stream []byte) {
		if len(stream) >= 1<<16 {
			t.Skip("where the limit strikes depends on the cut")
		}
		ids, events, err := all(bytes.NewReader(stream))
		ids1, events1, err1 := all(iotest.OneByteReader(bytes.NewReader(stream)))
		if fmt.Sprint(ids, events) != fmt.Sprint(ids1, events1) {
			t.Errorf("whole: %v %v, byte by byte: %v %v", ids, events, ids1, events1)
		}
		if (err == io.EOF) != (err1 == io.EOF) || errors.Is(err, ErrNotQMP) != errors.Is(err1, ErrNotQMP) {
			t.Errorf("whole: %v, byte by byte: %v", err, err1)
		}
	})
}

// Whatever a peer says after (or instead of) its greeting, commands, events and Close come to an end.
func FuzzConn(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s), true)
		f.Add([]byte(s), false)
	}
	f.Fuzz(func(t *testing.T, says []byte, greets bool) {
		ours, theirs := net.Pipe()
		defer theirs.Close()
		go io.Copy(io.Discard, theirs)
		go func() {
			if greets {
				io.WriteString(theirs, seeds[0]+seeds[1])
			}
			theirs.Write(says)
			theirs.Close()
		}()
		c, err := New(t.Context(), ours)
		if err != nil {
			return
		}
		for range maxInBand + 2 {
			c.Do(t.Context(), "query-status", nil, new(map[string]any))
		}
		for range c.Events() {
		}
		<-c.Done()
		c.Close()
		if c.Err() == nil {
			t.Error("it ended for no reason")
		}
	})
}
