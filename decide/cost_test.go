package decide

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"walm/predict"
	"walm/vm"
)

func TestParseWeights(t *testing.T) {
	for text, want := range map[string]Weights{
		"loss=1,tmt=0.1":              {Loss: 1, TMT: 0.1},
		" dt=2 , bytes = 0.5 ":        {DT: 2, Bytes: 0.5},
		"loss=1,tmt=1,dt=1,bytes=1e3": {1, 1, 1, 1000},
	} {
		if got, err := ParseWeights(text); got != want || err != nil {
			t.Errorf("%q: %+v, %v; want %+v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "loss", "loss=", "loss=x", "speed=1", "loss=1,loss=2", "loss=-1", "loss=NaN", "tmt=Inf", "loss=0"} {
		if w, err := ParseWeights(text); err == nil {
			t.Errorf("%q was taken for %+v", text, w)
		}
	}
}

func FuzzParseWeights(f *testing.F) {
	f.Add("loss=1,tmt=0.1,dt=0,bytes=0")
	f.Fuzz(func(t *testing.T, s string) {
		w, err := ParseWeights(s)
		if err == nil && (Policy{Weights: &w}).Check() != nil {
			t.Errorf("%q was taken for %+v, which no policy may have", s, w)
		}
	})
}

// replayed is a forecast of replays that take so many seconds, half of it lost; 0 is one that does not end.
func replayed(m vm.Method, seconds ...float64) predict.Forecast {
	f := predict.Forecast{Method: m, Converges: 1}
	for _, s := range seconds {
		r := predict.Replay{TMT: ms(1000 * s), Loss: ms(500 * s), DT: ms(100 * s), Bytes: vm.Bytes(s * float64(vm.GiB))}
		if s == 0 {
			r = predict.Replay{TMT: predict.Never, Loss: predict.Never, DT: predict.Never}
		}
		f.Replays = append(f.Replays, r)
	}
	mid := f.Replays[len(f.Replays)/2]
	f.TMT, f.Loss, f.DT = sure1(mid.TMT), sure1(mid.Loss), sure1(mid.DT)
	f.Bytes.Mid = mid.Bytes
	return f
}

// TestExpectedCost: the mean over the replays, with a price for one that does not end.
func TestExpectedCost(t *testing.T) {
	own := Policy{Weights: &Weights{Loss: 1, TMT: 1, DT: 10, Bytes: 2}}
	if got := own.Cost(replayed(vm.PreCopy, 1, 3)); math.Abs(got-2*(0.5+1+1+2)) > 1e-9 {
		t.Errorf("two replays cost %g s", got)
	}
	if got := own.Cost(replayed(vm.PreCopy, 1, 2, 0)); !math.IsInf(got, 1) {
		t.Errorf("one of three does not end, and there is no price for that: %g s", got)
	}
	// The fastest takes 2 s. So what does not end costs 20 s in all and 2 s of a VM that is stopped.
	sure, rare := replayed(vm.StopAndCopy, 2, 2, 2), replayed(vm.PreCopy, 3, 3, 3, 3, 0)
	price := Policy{Profile: Balanced}.priced([]predict.Forecast{sure, rare})
	if got, want := price.mean(rare), (4*(1.5+0.3)+2+2)/5; math.Abs(got-want) > 1e-9 {
		t.Errorf("one of five does not end: %g s, want %g", got, want)
	}
	late := Policy{Profile: Balanced, Deadline: 10 * time.Second}.priced([]predict.Forecast{sure, rare})
	if got, want := late.mean(rare), (4*(1.5+0.3)+2+1)/5; math.Abs(got-want) > 1e-9 {
		t.Errorf("given up at a deadline of 10 s: %g s, want %g", got, want)
	}
}

// TestWins: replays are compared in pairs; whoever is best in most of them need not be the cheapest on the whole.
func TestWins(t *testing.T) {
	fs := []predict.Forecast{replayed(vm.PreCopy, 1, 1, 1, 9), replayed(vm.StopAndCopy, 2, 2, 2, 2)}
	plan, err := Choose(fs, Policy{Profile: Balanced}, nil)
	if err != nil || plan.Method != vm.StopAndCopy {
		t.Fatalf("chose %s, %v", plan.Method, err)
	}
	if o := plan.Reason.Options; o[0].Wins != 0.25 || o[1].Wins != 0.75 || math.Abs(plan.Reason.Margin-0.6) > 1e-9 {
		t.Errorf("wins %g and %g, margin %g", o[0].Wins, o[1].Wins, plan.Reason.Margin)
	}
}

// TestBest: of the parameters of a method the first are kept unless others are cheaper beyond noise, and what a limit
// stands against only where nothing else is left.
func TestBest(t *testing.T) {
	for _, tt := range []struct {
		name  string
		tmt   []float64
		limit time.Duration
		want  int
	}{
		{"the cheapest", []float64{3, 2, 4}, 0, 1},
		{"within noise", []float64{3, 2.95}, 0, 0},
		{"the cheapest breaks a limit", []float64{3, 2, 4}, 150 * time.Millisecond, -1},
		{"only the last keeps it", []float64{3, 2, 1}, 150 * time.Millisecond, 2},
	} {
		var fs []predict.Forecast
		for _, s := range tt.tmt {
			fs = append(fs, replayed(vm.Hybrid, s))
		}
		got := (Policy{Profile: Balanced, MaxDowntime: tt.limit}).best(fs)
		want := max(tt.want, 0)
		if tt.want < 0 {
			want = 1 // none keeps it: the cheapest is shown
		}
		if len(got) != 1 || got[0].TMT != fs[want].TMT {
			t.Errorf("%s: %+v", tt.name, got)
		}
	}
}

// TestTurns: a VM that pre-copy suits would be moved otherwise if it wrote more or the link were slower, and not much
// before it would.
func TestTurns(t *testing.T) {
	q := Question{Trace: steady(vm.GiB, 30e6), Link: vm.Link{Bandwidth: 117e6, Err: 1e6}, Host: predict.DefaultHost(),
		Policy: Policy{Profile: Gentle}}
	plan, _, err := q.Answer()
	if err != nil || len(plan.Reason.Turns) == 0 {
		t.Fatalf("%s, %v, turns %v", plan.Method, err, plan.Reason.Turns)
	}
	for _, turn := range plan.Reason.Turns {
		if turn.Method == plan.Method || turn.Factor <= 0 || turn.Factor > furthest || turn.Factor < 1./furthest {
			t.Errorf("%s would turn to %v", plan.Method, turn)
		}
		if (turn.Fact == "bandwidth") == (turn.Factor > 1) {
			t.Errorf("%s fits this VM well, and it would turn to %v", plan.Method, turn)
		}
	}
}

// TestRemedies: what would do is said, and does.
func TestRemedies(t *testing.T) {
	q := Question{Trace: steady(vm.GiB, 300e6), Link: vm.Link{Bandwidth: 117e6, Err: 1e6}, Host: predict.DefaultHost(),
		Policy: Policy{Profile: Balanced, NoPostcopy: true, MaxDowntime: 200 * time.Millisecond, MaxSlowdown: 0.5}}
	plan, fs, err := q.Answer()
	if !errors.Is(err, ErrNoMethod) || len(fs) != len(vm.Methods()) {
		t.Fatalf("chose %s, %v", plan.Method, err)
	}
	said := strings.Join(plan.Reason.Remedies, "; ")
	for _, words := range []string{"a downtime limit of", "a limit on slowdown of", "times the bandwidth", "writes"} {
		if !strings.Contains(said, words) || !strings.Contains(err.Error(), words) {
			t.Errorf("nothing is said of %q: %s", words, said)
		}
	}
	q.Policy.MaxSlowdown, q.Policy.Among = 0, []vm.Method{vm.PreCopy, vm.Hybrid}
	if _, _, err := q.Answer(); err == nil || !strings.Contains(err.Error(), "post-copy, were it allowed (hybrid)") {
		t.Errorf("hybrid would do: %v", err)
	}
	q.Policy.NoPostcopy = false
	if plan, _, err := q.Answer(); err != nil {
		t.Errorf("other limits would do, it is said: %s, %v", plan.Method, err)
	}
}
