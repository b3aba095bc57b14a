package wire

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"walm/lab/guest/load"
)

func TestRoundTrip(t *testing.T) {
	const long = "random:wset=1023GiB,rate=99999999,fill=4088B"
	for _, m := range []Message{
		{Kind: Hello, Version: Version, Boot: "7cfb2f1e-d692-4aa6-b9eb-96e69bf0bdee"},
		{Kind: Ready, ID: 1 << 31, Workload: long, Arena: 1 << 40},
		{Kind: Beat, Up: 100 * time.Hour, Ops: 1 << 50, Bytes: 1 << 60},
		{Kind: Verified, ID: 7, Check: load.Check{Pages: 1 << 20, Bad: 5, Met: 3, Written: 1 << 20, First: []int{1, 999999, 3, 4}}},
		{Kind: Error, Error: "a \"quoted\"\nline ü \x00"},
	} {
		line, err := Line(m)
		if err != nil {
			t.Fatal(err)
		}
		if len(line) > 150 {
			t.Errorf("%s takes %d bytes: %s", m.Kind, len(line), line)
		}
		var got Message
		if line = bytes.TrimSuffix(line, []byte("\n")); !Parse(line, &got) || !cmp.Equal(got, m) || bytes.ContainsAny(line, "\n") {
			t.Errorf("%q is read back as %+v", line, got)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	good, err := Line(Command{Verb: Start, ID: 3, Workload: "idle"})
	if err != nil {
		t.Fatal(err)
	}
	good = bytes.TrimSuffix(good, []byte("\n"))
	var c Command
	for n := range good { // cut at either end, or one bit flipped
		flipped := bytes.Clone(good)
		flipped[n] ^= 0x40
		for _, bad := range [][]byte{good[:n], good[n+1:], flipped} {
			// The CRC's digits read the same in either case.
			if !strings.EqualFold(string(bad), string(good)) && Parse(bad, &c) {
				t.Errorf("%q was taken", bad)
			}
		}
	}
	if _, err := Line(Message{Error: strings.Repeat("x", MaxLine)}); err == nil {
		t.Error("a line that is too long was written")
	}
}

func TestLines(t *testing.T) {
	feed := func(parts ...string) (got []string) {
		var l Lines
		for _, p := range parts {
			l.Feed([]byte(p), func(b []byte) { got = append(got, string(b)) })
		}
		return got
	}
	long := strings.Repeat("x", MaxLine)
	for _, c := range []struct{ in, want []string }{
		{[]string{"a\nb", "c\n", "d"}, []string{"a", "bc"}},
		{[]string{"\n\n"}, []string{"", ""}},
		{[]string{long + "\n" + long + "y\nz\n"}, []string{long, "z"}},
		{[]string{long, "y", long, "\nz", "\n"}, []string{"z"}},
		{[]string{long + "y", "\n", "z\n"}, []string{"z"}},
	} {
		if got := feed(c.in...); !cmp.Equal(got, c.want) {
			t.Errorf("%.40q gives %.40q, want %.40q", c.in, got, c.want)
		}
	}
}

// FuzzLines feeds garbage with a good line in it, in pieces: nothing may panic or grow, and what is taken has been
// written by Line. After a line end the good line must come through.
func FuzzLines(f *testing.F) {
	f.Add([]byte(`{"kind":"be`), 3)
	f.Add([]byte("{\"kind\":\"beat\"} 00000000\n\x00\xff"), 1)
	f.Fuzz(func(t *testing.T, garbage []byte, piece int) {
		piece = 1 + int(uint(piece)%2000)
		want := Message{Kind: Beat, Up: 5, Ops: 6}
		good, err := Line(want)
		if err != nil {
			t.Fatal(err)
		}
		var l Lines
		found := false
		for stream := fmt.Appendf(nil, "%s\n%s", garbage, good); len(stream) > 0; {
			n := min(piece, len(stream))
			l.Feed(stream[:n], func(line []byte) {
				var m Message
				if Parse(line, &m) {
					again, err := Line(m)
					found = found || err == nil && bytes.Equal(again, good)
				}
			})
			stream = stream[n:]
			if len(l.part) > MaxLine {
				t.Fatalf("%d bytes kept", len(l.part))
			}
		}
		if !found {
			t.Errorf("a good line after %q was lost", garbage)
		}
	})
}
