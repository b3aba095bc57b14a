package decide

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"walm/predict"
	"walm/vm"
)

func ms(x float64) time.Duration { return time.Duration(x * float64(time.Millisecond)) }

func sure1(x time.Duration) predict.Span { return predict.Span{Lo: x, Mid: x, Hi: x} }

// forecast is of something certain, in milliseconds.
func forecast(m vm.Method, tmt, dt, loss, exposure float64) predict.Forecast {
	return predict.Forecast{Method: m, Params: vm.DefaultParams(m), TMT: sure1(ms(tmt)), DT: sure1(ms(dt)),
		Loss: sure1(ms(loss)), Exposure: sure1(ms(exposure)), Converges: 1}
}

func endless(m vm.Method) predict.Forecast {
	return predict.Forecast{Method: m, Params: vm.DefaultParams(m), TMT: sure1(predict.Never), DT: sure1(predict.Never),
		Loss: sure1(predict.Never)}
}

// busy is a VM that writes 256 MiB at 20,000 pages a second on 1 Gbit/s, as it was measured (testbed facts §9 and §10).
func busy() []predict.Forecast {
	return []predict.Forecast{
		forecast(vm.Offline, 5000, 4900, 4900, 0),
		forecast(vm.StopAndCopy, 3300, 3200, 3200, 0),
		forecast(vm.PreCopy, 8770, 340, 340, 0),
		forecast(vm.AutoConverge, 7000, 340, 900, 0),
		forecast(vm.PostCopy, 3200, 20, 910, 3100),
		forecast(vm.Hybrid, 5470, 40, 510, 2200),
	}
}

// flooded is a VM that writes faster than the link carries.
func flooded() []predict.Forecast {
	fs := busy()
	fs[2] = endless(vm.PreCopy)
	fs[3] = forecast(vm.AutoConverge, 43300, 340, 6000, 0)
	fs[3].Slowdown = 0.99
	return fs
}

func TestChoose(t *testing.T) {
	for _, tt := range []struct {
		name   string
		fs     []predict.Forecast
		policy Policy
		want   vm.Method
	}{
		// Costs by hand: hybrid 0.51 + 0.547 + 0.0864 × 2.2 = 1.247; pre-copy 0.34 + 0.877 = 1.217;
		// post-copy 0.91 + 0.32 + 0.0864 × 3.1 = 1.498.
		{"balanced", busy(), Policy{Profile: Balanced}, vm.PreCopy},
		// Hybrid 5.47 + 0.051 + 0.19; stop-and-copy 3.3 + 0.32 = 3.62; post-copy 3.2 + 0.091 + 0.268 = 3.559.
		{"evacuate", busy(), Policy{Profile: Evacuate}, vm.PostCopy},
		{"gentle", busy(), Policy{Profile: Gentle}, vm.PreCopy},
		{"safe", busy(), Policy{Profile: Safe}, vm.PreCopy},
		{"balanced, flooded", flooded(), Policy{Profile: Balanced}, vm.Hybrid},
		{"gentle, flooded", flooded(), Policy{Profile: Gentle}, vm.Hybrid},
		{"safe, flooded: neither post-copy nor what never ends", flooded(), Policy{Profile: Safe}, vm.StopAndCopy},
		{"no post-copy, flooded", flooded(), Policy{Profile: Gentle, NoPostcopy: true}, vm.StopAndCopy},
		{"downtime is limited, no post-copy", flooded(),
			Policy{Profile: Balanced, NoPostcopy: true, MaxDowntime: time.Second}, vm.AutoConverge},
		{"downtime is limited hard", busy(), Policy{Profile: Balanced, MaxDowntime: ms(39)}, vm.PostCopy},
		{"the limit itself is allowed", busy(), Policy{Profile: Balanced, MaxDowntime: ms(340)}, vm.PreCopy},
		{"deadline", busy(), Policy{Profile: Balanced, Deadline: ms(6000)}, vm.Hybrid},
		{"deadline and downtime", busy(), Policy{Profile: Balanced, Deadline: ms(4000), MaxDowntime: ms(100)}, vm.PostCopy},
		{"slowdown", flooded(), Policy{Profile: Safe, MaxDowntime: time.Second, MaxSlowdown: 0.99}, vm.AutoConverge},
		{"forced", busy(), Policy{Profile: Balanced, Method: vm.Offline}, vm.Offline},
		{"forced, and it may never end", flooded(), Policy{Profile: Balanced, Method: vm.PreCopy}, vm.PreCopy},
		{"forced, within a limit", busy(), Policy{Profile: Balanced, Method: vm.Hybrid, MaxDowntime: ms(50)}, vm.Hybrid},
	} {
		t.Run(tt.name, func(t *testing.T) {
			plan, err := Choose(tt.fs, tt.policy, nil)
			if err != nil || plan.Method != tt.want {
				t.Fatalf("chose %q, %v; want %s\n%+v", plan.Method, err, tt.want, plan.Reason)
			}
			if plan.Params != vm.DefaultParams(tt.want) || plan.Forecast.Method != tt.want {
				t.Errorf("parameters %+v and forecast of %q go with %s", plan.Params, plan.Forecast.Method, tt.want)
			}
			if plan.Forced != (tt.policy.Method != "") {
				t.Errorf("forced: %v", plan.Forced)
			}
			explained(t, plan, tt.fs)
		})
	}
}

// explained wants every method in the reason once, those that are out last and each with what stands against it.
func explained(t *testing.T, p Plan, fs []predict.Forecast) {
	t.Helper()
	if !strings.Contains(p.Reason.Why, string(p.Method)) {
		t.Errorf("the reason does not name the method: %q", p.Reason.Why)
	}
	if len(p.Reason.Options) != len(fs) {
		t.Errorf("%d methods are explained, of %d", len(p.Reason.Options), len(fs))
	}
	for i, o := range p.Reason.Options {
		if (o.Out == "") == (o.Why == "") {
			t.Errorf("%s: out because %q, and in because %q", o.Method, o.Out, o.Why)
		}
		if strings.Contains(o.Why, "Inf") || strings.Contains(o.Why, "NaN") {
			t.Errorf("%s: %s", o.Method, o.Why)
		}
		if i == 0 {
			continue
		}
		before := p.Reason.Options[i-1]
		if before.Out != "" && o.Out == "" || before.Out == "" && o.Out == "" && before.Cost > o.Cost*(1+near) {
			t.Errorf("%s comes before %s", before.Method, o.Method)
		}
	}
}

func TestChooseRefuses(t *testing.T) {
	wide := busy()
	wide[2].DT.Hi = ms(900) // as likely as not it holds, and that is not enough
	rare := busy()
	rare[2].Converges, rare[2].TMT.Mid = 0.45, predict.Never
	for _, tt := range []struct {
		name   string
		fs     []predict.Forecast
		policy Policy
		unable map[vm.Method]string
		words  []string
	}{
		{"nothing fits: each is named", busy(), Policy{Profile: Balanced, MaxDowntime: ms(30), NoPostcopy: true},
			nil, []string{"offline", "stop-and-copy", "pre-copy", "auto-converge", "hybrid", "post-copy", "340ms", "30ms"}},
		{"forced against a limit on downtime", busy(),
			Policy{Profile: Balanced, Method: vm.StopAndCopy, MaxDowntime: time.Second},
			nil, []string{"stop-and-copy", "3.2 s", "limit of 1 s"}},
		{"forced against a deadline", busy(), Policy{Profile: Balanced, Method: vm.PreCopy, Deadline: 5 * time.Second},
			nil, []string{"pre-copy", "8.77 s", "5 s"}},
		{"forced, never ends, against a deadline", flooded(),
			Policy{Profile: Balanced, Method: vm.PreCopy, Deadline: time.Hour},
			nil, []string{"pre-copy"}},
		{"forced against a limit on slowdown", flooded(),
			Policy{Profile: Balanced, Method: vm.AutoConverge, MaxSlowdown: 0.5},
			nil, []string{"99 %", "50 %"}},
		{"forced, and the pair cannot", busy(), Policy{Profile: Balanced, Method: vm.PostCopy},
			map[vm.Method]string{vm.PostCopy: "no userfaultfd there"}, []string{"no userfaultfd there"}},
		{"a limit that holds only in the median", wide[2:3], Policy{Profile: Balanced, MaxDowntime: ms(500)},
			nil, []string{"900ms"}},
		{"seldom ends", rare[2:3], Policy{Profile: Balanced}, nil, []string{"45 %"}},
		{"the pair can nothing", busy()[4:5], Policy{Profile: Balanced},
			map[vm.Method]string{vm.PostCopy: "no userfaultfd"}, []string{"no userfaultfd"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			plan, err := Choose(tt.fs, tt.policy, tt.unable)
			if !errors.Is(err, ErrNoMethod) || plan.Method != "" {
				t.Fatalf("chose %q, %v", plan.Method, err)
			}
			for _, w := range tt.words {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("%q does not say %q", err, w)
				}
			}
			if len(plan.Reason.Options) != len(tt.fs) {
				t.Errorf("the plan of a refusal explains %d methods", len(plan.Reason.Options))
			}
		})
	}
}

func TestUnableIsPassedOver(t *testing.T) {
	plan, err := Choose(busy(), Policy{Profile: Balanced}, map[vm.Method]string{vm.PreCopy: "the disk is local"})
	if err != nil || plan.Method != vm.Hybrid {
		t.Fatalf("chose %q, %v", plan.Method, err)
	}
	last := plan.Reason.Options[len(plan.Reason.Options)-1]
	if last.Method != vm.PreCopy || last.Out != "the disk is local" {
		t.Errorf("last is %+v", last)
	}
}

// TestTie: of equals the one that is listed first is taken, which is the simpler one.
func TestTie(t *testing.T) {
	fs := []predict.Forecast{forecast(vm.PreCopy, 100, 10, 10, 0), forecast(vm.Hybrid, 100, 10, 10, 0)}
	plan, err := Choose(fs, Policy{Profile: Gentle}, nil)
	if err != nil || plan.Method != vm.PreCopy {
		t.Errorf("chose %q, %v", plan.Method, err)
	}
}

func TestCost(t *testing.T) {
	f := forecast(vm.Hybrid, 10_000, 0, 2_000, 5_000)
	risk := 1e-6 * 86400 * 5
	for profile, want := range map[Profile]float64{
		Evacuate: 10 + 0.2 + risk,
		Balanced: 2 + 1 + risk,
		Gentle:   2 + 0.1 + risk,
		Safe:     2 + 1 + risk,
	} {
		if got := (Policy{Profile: profile}).Cost(f); math.Abs(got-want) > 1e-9 {
			t.Errorf("%s: %g s; want %g", profile, got, want)
		}
		if got := (Policy{Profile: profile}).Cost(endless(vm.PreCopy)); !math.IsInf(got, 1) {
			t.Errorf("%s: what never ends costs %g s", profile, got)
		}
	}
}

func milliseconds(n int64) time.Duration { return time.Duration(n) * time.Millisecond }

// TestChooseProperties: what is chosen is allowed, and nothing that is allowed costs less.
func TestChooseProperties(t *testing.T) {
	span := rapid.Custom(func(t *rapid.T) predict.Span {
		x := []time.Duration{}
		for range 3 {
			some := rapid.Map(rapid.Int64Range(0, 60_000), milliseconds)
			x = append(x, rapid.OneOf(rapid.Just(predict.Never), some).Draw(t, "t"))
		}
		slices.Sort(x)
		return predict.Span{Lo: x[0], Mid: x[1], Hi: x[2]}
	})
	rapid.Check(t, func(t *rapid.T) {
		var fs []predict.Forecast
		unable := map[vm.Method]string{}
		for _, m := range vm.Methods() {
			fs = append(fs, predict.Forecast{Method: m, TMT: span.Draw(t, "tmt"), DT: span.Draw(t, "dt"),
				Loss: span.Draw(t, "loss"), Exposure: span.Draw(t, "exposure"),
				Converges: rapid.Float64Range(0, 1).Draw(t, "converges"),
				Slowdown:  rapid.Float64Range(0, 1).Draw(t, "slowdown")})
			if rapid.IntRange(0, 9).Draw(t, "unable") == 0 {
				unable[m] = "it cannot"
			}
		}
		limit := rapid.Map(rapid.Int64Range(0, 60_000), milliseconds)
		p := Policy{
			Profile:     rapid.SampledFrom(Profiles()).Draw(t, "profile"),
			Method:      rapid.SampledFrom(append([]vm.Method{"", "", ""}, vm.Methods()...)).Draw(t, "method"),
			MaxDowntime: limit.Draw(t, "max downtime"),
			Deadline:    limit.Draw(t, "deadline"),
			MaxSlowdown: rapid.Float64Range(0, 1).Draw(t, "max slowdown"),
			NoPostcopy:  rapid.Bool().Draw(t, "no post-copy"),
		}
		if p.Check() != nil {
			t.Skip("a policy that is refused before")
		}
		plan, err := Choose(fs, p, unable)
		if err != nil {
			if !errors.Is(err, ErrNoMethod) {
				t.Fatal(err)
			}
			return
		}
		f := plan.Forecast
		switch {
		case p.Method != "" && plan.Method != p.Method:
			t.Fatalf("%s was asked for, %s chosen", p.Method, plan.Method)
		case unable[plan.Method] != "":
			t.Fatalf("%s cannot be done", plan.Method)
		case plan.Method.Postcopies() && (p.NoPostcopy || p.Profile == Safe):
			t.Fatalf("%s is not allowed", plan.Method)
		case p.MaxDowntime > 0 && f.DT.Hi > p.MaxDowntime, p.Deadline > 0 && f.TMT.Hi > p.Deadline,
			p.MaxSlowdown > 0 && f.Slowdown > p.MaxSlowdown:
			t.Fatalf("%+v breaks a limit of %+v", f, p)
		case p.Method == "" && f.TMT.Mid == predict.Never:
			t.Fatalf("%+v may never end", f)
		}
		for _, o := range plan.Reason.Options {
			if p.Method == "" && o.Out == "" && o.Cost*(1+near) < p.Cost(f) {
				t.Fatalf("%s costs %g, the chosen %s %g", o.Method, o.Cost, plan.Method, p.Cost(f))
			}
			if (o.Out == "") == (o.Why == "") || strings.Contains(o.Why+plan.Reason.Why, "Inf") {
				t.Fatalf("%s: out %q, why %q; %s", o.Method, o.Out, o.Why, plan.Reason.Why)
			}
		}
	})
}
