package progress

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"

	"walm/predict"
)

var courses = []Series{
	{Done: 0, Total: 3, Left: predict.Never, Now: "wset=30% rate=max · booting"},
	{Done: 1, Total: 3, Left: 80 * time.Second, Now: "wset=30% rate=max", Ended: "trial 1: done"},
	{Done: 2, Total: 3, Left: 40 * time.Second, Now: "wset=60% rate=max", Ended: "trial 2: censored", Odd: true},
	{Done: 3, Total: 3, Now: "", Ended: "trial 3: done"},
}

func TestSeriesPlain(t *testing.T) {
	d, b := display(Plain, 80)
	for i, s := range courses {
		d.Series(at(float64(i)), s)
	}
	want := "trial 1: done; about 1 min 20 s left\ntrial 2: censored; about 40 s left\ntrial 3: done; all done\n"
	if got := strings.ReplaceAll(b.String(), "\u202f", " "); got != want {
		t.Errorf("%q; want %q", got, want)
	}
}

func TestSeriesBar(t *testing.T) {
	const width = 72
	d, b := display(Bar, width)
	for i, s := range courses {
		d.Series(at(float64(i)), s)
	}
	d.Done()
	text := ansi.Strip(b.String())
	lines := strings.FieldsFunc(text, func(r rune) bool { return r == '\r' || r == '\n' })
	kept := strings.Count(text, "\n")
	if kept != 2 || !strings.Contains(text, "· trial 2: censored\n") {
		t.Errorf("%d lines stand, not the one odd trial and the last state: %q", kept, text)
	}
	for _, l := range lines {
		if ansi.StringWidth(l) >= width {
			t.Errorf("a line of %d columns on a terminal of %d: %q", ansi.StringWidth(l), width, l)
		}
	}
	for _, part := range []string{"0/3", "3 to go", "1/3", "booting", "3/3", "all done"} {
		if !strings.Contains(text, part) {
			t.Errorf("no %q in %q", part, text)
		}
	}
}

func TestSeriesJSON(t *testing.T) {
	d, b := display(JSON, 80)
	for i, s := range courses {
		d.Series(at(float64(i)), s)
	}
	var got []Line
	for in := json.NewDecoder(b); in.More(); {
		var l Line
		if err := in.Decode(&l); err != nil {
			t.Fatal(err)
		}
		got = append(got, l)
	}
	if len(got) != len(courses) || got[0].Kind != "series" || got[0].Series.Left != nil || got[2].Series.Done != 2 ||
		*got[2].Series.Left != 40 || got[2].Series.Ended != "trial 2: censored" || got[2].Reading != nil {
		t.Errorf("%+v", got)
	}
}
