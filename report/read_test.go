package report

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"walm/move"
)

// TestRead: what a move was planned with and what its driver told comes back.
func TestRead(t *testing.T) {
	for name, rec := range map[string]move.Record{"hybrid": hybrid(), "pre-copy": precopy()} {
		var text bytes.Buffer
		if err := JSON(&text, rec); err != nil {
			t.Fatal(err)
		}
		got, err := Read(&text)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff(rec.Trace.Curve, got.Trace.Curve); diff != "" {
			t.Errorf("%s: the curve differs:\n%s", name, diff)
		}
		if g, w := got.Trace, rec.Trace; g.Compressible != w.Compressible || g.Rewritten != w.Rewritten || g.Together != w.Together {
			t.Errorf("%s: memory compresses to %g, %g, %g, was %g, %g, %g", name, g.Compressible, g.Rewritten, g.Together, w.Compressible, w.Rewritten, w.Together)
		}
		if got.Policy.Profile != rec.Policy.Profile || got.Policy.Weights != nil || got.Link != rec.Link || got.Host != rec.Host ||
			got.Plan.Method != rec.Plan.Method || got.Plan.Params != rec.Plan.Params ||
			got.Plan.Forecast.TMT.Mid != rec.Plan.Forecast.TMT.Mid || !got.Started.Equal(rec.Started) || got.Trace.RAM != rec.Trace.RAM {
			t.Errorf("%s: read back it differs: %+v", name, got)
		}
		if len(got.Events) != len(rec.Events) {
			t.Fatalf("%s: %d events of %d", name, len(got.Events), len(rec.Events))
		}
		for i, e := range rec.Events {
			if g := got.Events[i]; !g.At.Equal(e.At) || g.Kind != e.Kind || g.Pass != e.Pass || (g.Progress == nil) != (e.Progress == nil) {
				t.Errorf("%s: event %d is %+v, was %+v", name, i, g, e)
			}
		}
	}
	for text, want := range map[string]string{
		"": "EOF", "[]": "read the record", `{"schema":"walm.advice","version":1}`: "walm.advice",
		`{"schema":"walm.record","version":99}`: "99",
	} {
		if _, err := Read(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v; want words %q", text, err, want)
		}
	}
}

// FuzzRead: whatever is in a file, what is read of it can be replayed.
func FuzzRead(f *testing.F) {
	var text bytes.Buffer
	if err := JSON(&text, precopy()); err != nil {
		f.Fatal(err)
	}
	f.Add(text.Bytes())
	f.Add([]byte(`{"schema":"walm.record","version":1,"plan":{"method":"pre-copy"},"events":[{"kind":"pass","pass":1,"progress":{"pass":1}}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		rec, err := Read(bytes.NewReader(b))
		if err == nil {
			rec.Events = rec.Events[:min(len(rec.Events), 2)] // each boundary is a forecast
			move.Replay(rec)
		}
	})
}
