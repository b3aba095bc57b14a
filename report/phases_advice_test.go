package report

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

// TestInPhases: what it comes to in either phase, and what walm would have chosen itself, are told in words and in JSON.
func TestInPhases(t *testing.T) {
	rec := own()
	var words, doc bytes.Buffer
	if err := Forecasts(&words, rec, Style{}); err != nil {
		t.Fatal(err)
	}
	text := strings.Join(strings.Fields(words.String()), " ")
	for _, want := range []string{"It works for 3 s and rests for 1.20 s in turn. Begun in the busy phase hybrid 1 pass", "in the quiet phase pre-copy downtime limit 300 ms takes 8.66 s"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, words.String())
		}
	}
	if err := AdviceJSON(&doc, rec); err != nil {
		t.Fatal(err)
	}
	var d document
	if err := json.Unmarshal(doc.Bytes(), &d); err != nil {
		t.Fatal(err)
	}
	if d.Own == nil || *d.Own.Method != "hybrid" {
		t.Errorf("own plan: %+v", d.Own)
	}
	if len(d.InPhases) != 2 || d.InPhases[1].Phase != "quiet" || *d.InPhases[1].Plan.Method != "pre-copy" || len(d.InPhases[1].Forecasts) != 1 ||
		d.Trace.Phases == nil || d.Trace.Phases.Quiet != 1.2 {
		t.Errorf("phases: %+v, %+v", d.Trace.Phases, d.InPhases)
	}
}
