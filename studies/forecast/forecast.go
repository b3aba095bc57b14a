// Package forecast asks how far off walm's forecasts are: written down before every migration, for every method, and held
// against what then happened on real QEMU.
package forecast

import (
	"embed"
	"slices"

	"walm/lab/results"
	"walm/learn"
	"walm/studies/study"
)

//go:embed *.yaml *.md full/*.yaml all:results
var files embed.FS

// scope is which forecasts of which experiments are held against what happened.
type scope struct {
	id, name    string
	f           forecaster
	experiments []string
	learning    bool // its intervals get their widths from the moves before
}

// scopes are the tests, and what they were prepared on: unseen and programs took no part in the making of the model that
// foretold them, and what they showed went into the one that foretold unseen2 and programs2.
func scopes() []scope {
	fs := forecasters()
	return []scope{
		{"Q", "as written down before by the mended model, on a quiet machine", fs[0], []string{"unseen3"}, false},
		{"W", "by the present version as it learns, from the looks on a quiet machine", fs[1], []string{"unseen3"}, true},
		{"V", "as written down before by the mended model, of what it had not seen", fs[0], []string{"unseen2", "programs2"}, false},
		{"X", "by the present version as it learns, from the looks on a loaded machine", fs[1], []string{"unseen2", "programs2"}, true},
		{"U", "as written down before, of what the model had not seen", fs[0], []string{"unseen", "programs"}, false},
		{"M", "by the mended model from the looks of the first test, which it was mended with", fs[1], []string{"unseen", "programs"}, false},
		{"F", "as written down before by the first version", fs[0], []string{"synthetic"}, false},
		{"R", "by the present version from the first version's looks, on which it was tuned", fs[1], []string{"synthetic"}, false},
	}
}

func (s scope) trials(d study.Data) []results.Trial { return trials(d, s.experiments) }

func (s scope) of(d study.Data) []migration {
	all := by(s.f, s.trials(d))
	if s.learning {
		return learned(all)
	}
	return all
}

// learned are migrations with the intervals that walm would have given each after those before it. What one of the same workload
// told is left out: the next VM is another.
func learned(all []migration) []migration {
	out := slices.Clone(all)
	for i := range out {
		var misses learn.Misses
		for _, before := range all {
			if before.ended() && before.Started.Before(out[i].Started) && before.workload() != out[i].workload() {
				misses.Add(learn.Outcome{}.With(before.Outcome), before.f)
			}
		}
		out[i].f = out[i].f.Widened(misses.Widths())
	}
	return out
}

// experiments are the names under which the study's results are found.
func experiments() []string {
	return []string{"synthetic", "unseen", "programs", "unseen2", "programs2", "unseen3", "preempt", "packed", "packed2",
		"packed-programs", "packed3", "packed4", "packed5", "packed-programs2", "packed6", "packed7", "packed8",
		"packed9", "packed10", "packed11", "packed12", "paged", "crowded", "crowded2", "crowded3"}
}

// runs are their files.
func runs() (all []string) {
	for _, name := range experiments() {
		all = append(all, name+".yaml")
	}
	return all
}

// Study is the question, its experiments, and what they answer.
func Study() study.Study {
	all := scopes()
	channel := part{scope{"P", "as written down before, of post-copy and hybrid with a channel for faulted pages and without", forecasters()[0], []string{"preempt"}, false},
		"as written down before, of post-copy and hybrid with a channel for faulted pages", func(m migration) bool { return m.Params.Preempt },
		map[bool]string{true: "with", false: "without"}}
	s := study.Study{
		Name:  "forecast",
		Title: "How far off the forecasts are",
		Files: files,
		Runs:  runs(),
		Claims: slices.Concat(claims(all),
			laterClaims(),
			channel.claims(channel.words, channel.of, "DT", "loss", "loss-in")),
		Figures: []study.Figure{
			{Name: "tmt", Caption: "Total time, forecast beside measured; on the line they are the same", Draw: picture(tmt, tested(all))},
			{Name: "dt", Caption: "Downtime, forecast beside measured", Draw: picture(dt, tested(all))},
			{Name: "loss", Caption: "Service loss, forecast beside measured", Draw: picture(loss, tested(all))},
		},
	}
	for _, sc := range all {
		s.Tables = append(s.Tables, byMethod(sc), byWorkload(sc), worst(sc))
	}
	fs := forecasters()
	s.Tables = append(append(s.Tables, laterTables()...),
		byPart(channel), byWorkload(channel.scope),
		byMethod(scope{"C", "as written down before on a host that has no core to spare, by the present model", fs[0], []string{"crowded"}, false}),
		byMethod(scope{"C2", "as written down before on the same host at a better priority, by two models that took a crowd to slow the stream", fs[0],
			[]string{"crowded2", "crowded3"}, false}),
		byMethod(scope{"C3", "by the present version, from the looks on the same host at a better priority", fs[1], []string{"crowded2", "crowded3"}, false}))
	for _, sc := range all {
		switch sc.id {
		case "Q", "V", "U":
			s.Tables = append(s.Tables, comparison(sc, forecasters()))
		case "R":
			s.Tables = append(s.Tables, comparison(sc, forecasters()[1:]))
		}
	}
	return s
}

// tested is every forecast of what the model that made it had not seen, on a machine with a core to spare.
func tested(all []scope) func(study.Data) []migration {
	return func(d study.Data) (of []migration) {
		for _, s := range all {
			if s.id == "Q" || s.id == "U" {
				of = append(of, s.of(d)...)
			}
		}
		return of
	}
}
