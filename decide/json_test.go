package decide

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"walm/vm"
)

// TestPlanAsJSON: a plan goes into the journal whatever its options cost.
func TestPlanAsJSON(t *testing.T) {
	plan, err := Choose(flooded(), Policy{Profile: Balanced}, nil)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(plan)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), `"Cost":null`) {
		t.Errorf("pre-copy never ends, and no cost is null: %s", text)
	}
	var again Plan
	if err := json.Unmarshal(text, &again); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(plan, again); diff != "" {
		t.Errorf("read back it differs:\n%s", diff)
	}
}

func TestOptionFromJSON(t *testing.T) {
	for text, want := range map[string]float64{
		`{"Method":"hybrid","Cost":1.5}`:  1.5,
		`{"Method":"hybrid","Cost":0}`:    0,
		`{"Method":"hybrid","Cost":null}`: math.Inf(1),
		`{"Method":"hybrid"}`:             math.Inf(1),
	} {
		o := Option{Out: "stale", Cost: 7}
		if err := json.Unmarshal([]byte(text), &o); err != nil || o != (Option{Method: vm.Hybrid, Cost: want}) {
			t.Errorf("%s: %+v, %v", text, o, err)
		}
	}
	if err := json.Unmarshal([]byte(`{"Cost":"much"}`), &Option{}); err == nil {
		t.Error("a cost in words was read")
	}
}
