package study_test

import (
	"bytes"
	"math"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"walm/lab/results"
	"walm/studies/study"
	"walm/studies/study/studytest"
)

const twoLevels = `walm: 1
name: two-levels
question: Is it so?
seed: 7
repetitions: 6
base: {memory: 256MiB, method: pre-copy}
factors:
  link: [100Mbit/s, 1Gbit/s]
`

// made is a study of one experiment, with a claim that holds where TMT falls as the link gets faster.
func made() study.Study {
	return study.Study{
		Name:   "made",
		Title:  "A study that was made up",
		Source: "Nobody, 2000",
		Files: fstest.MapFS{
			"two.yaml":         {Data: []byte(twoLevels)},
			"full/two.yaml":    {Data: []byte(twoLevels)},
			"paper.md":         {Data: []byte("They did **this** | that.\n")},
			"ours.md":          {Data: []byte("We did not.\n")},
			"results/README":   {Data: []byte("-")},
			"torn/two.jsonl":   {Data: []byte("{\"what\": 1}\n")},
			"unreadable/other": {Data: []byte("")},
		},
		Runs: []string{"two.yaml"},
		Claims: []study.Claim{
			{ID: "M-1", Text: "Faster | shorter", Published: "none", Check: study.Falling("two", "link", study.TMT)},
			{ID: "M-2", Text: "It costs energy", Published: "3 J", Check: study.CannotTest("there is no meter")},
		},
		Tables: []study.Table{{Caption: "Numbers", Head: []string{"a", "b"}, Rows: func(d study.Data) [][]string {
			if len(d.Trials("two")) == 0 {
				return nil
			}
			return [][]string{{"1", "2"}}
		}}},
		Figures: []study.Figure{
			{Name: "fig1", Run: "two", Metric: "tmt", Over: "link", Kind: "lines", Caption: "Time over link"},
			{Name: "fig2", Run: "never-run", Metric: "tmt", Over: "link", Kind: "lines", Caption: "Nothing"},
		},
		Problems: []string{"It says two things."},
	}
}

func overLink(_ string, t *results.Trial) {
	t.Outcome.TMT = studytest.Seconds(1e8/float64(t.Setup.Link)) + time.Duration(t.Block)*time.Millisecond
	t.Outcome.DT = t.Outcome.TMT / 10
	t.Precopy = t.Outcome.TMT - t.Outcome.DT
}

func TestReport(t *testing.T) {
	s := made()
	p, err := study.Report(s, studytest.Data(t, s, overLink))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"2 claims: 1 hold, 1 cannot be tested here", "They did **this** | that.", "link (2) | 6 | 12 of 12",
		"| M-1 | Faster \\| shorter |", "**holds**", "![Time over link](figures/fig1.svg)", "| 1 | 2 |", "- It says two things.",
		"[two.yaml](full/two.yaml)"} {
		if !bytes.Contains(p.README, []byte(want)) {
			t.Errorf("the README lacks %q:\n%s", want, p.README)
		}
	}
	if len(p.Figures) != 1 || !bytes.Contains(p.Figures["figures/fig1.svg"], []byte("<svg")) {
		t.Errorf("figures: %d", len(p.Figures))
	}
	html := string(p.HTML)
	if !strings.Contains(html, "data:image/svg+xml;base64,") || strings.Contains(html, `src="figures/`) ||
		!strings.Contains(html, `<span class="pill good">holds</span>`) {
		t.Error("the page is not self-contained, or shows no verdict")
	}
}

// TestReportWithoutResults makes up nothing.
func TestReportWithoutResults(t *testing.T) {
	p, err := study.Report(made(), study.Data{})
	if err != nil {
		t.Fatal(err)
	}
	text := string(p.README)
	if !strings.Contains(text, "1 cannot be tested here, 1 not run") || !strings.Contains(text, "not run (12 planned)") ||
		strings.Contains(text, "**holds**") || strings.Contains(text, "## Figures") || strings.Contains(text, "| 1 | 2 |") {
		t.Errorf("without results:\n%s", text)
	}
}

// TestNothingBegan: an experiment of which no migration was begun answers no claim.
func TestNothingBegan(t *testing.T) {
	s := made()
	d := studytest.Data(t, s, func(_ string, t *results.Trial) { t.Status = results.Broken })
	if f := s.Answers(d)[0].Finding; f.Verdict != study.NotRun {
		t.Errorf("of guests that never booted: %+v", f)
	}
}

// TestDoubts: results of another plan, or too few of them, are told.
func TestDoubts(t *testing.T) {
	s := made()
	d := studytest.Data(t, s, overLink)
	set := d["two"]
	set.Trials, set.Header.Plan, set.Damaged = set.Trials[:9], "other", []string{"line 4: torn"}
	d["two"] = set
	p, err := study.Report(s, d)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"two: 3 of 12 migrations are still to be run", "of another version of two.yaml", "two: line 4: torn"} {
		if !bytes.Contains(p.README, []byte(want)) {
			t.Errorf("the README does not say %q", want)
		}
	}
}

func TestLoad(t *testing.T) {
	s := made()
	for dir, want := range map[string]string{"results": "", "unreadable": "", "torn": "read two.jsonl"} {
		sub, err := s.Files.(fstest.MapFS).Sub(dir)
		if err != nil {
			t.Fatal(err)
		}
		d, err := s.Load(sub)
		if want == "" && (err != nil || len(d) != 0) || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, %v; want an error with %q", dir, d, err, want)
		}
	}
}

func TestFitLine(t *testing.T) {
	var x, y []float64
	for i := range 30 {
		v := float64(i % 5)
		x, y = append(x, v), append(y, 3+2*v+0.1*float64(i%7-3))
	}
	x, y = append(x, 2), append(y, math.Inf(1))
	f := study.FitLine(x, y, 1)
	if f.N != 30 || math.Abs(f.Slope-2) > 0.05 || f.Lo > 2 || f.Hi < 2 || f.Hi-f.Lo > 0.3 || f.R2 < 0.95 {
		t.Errorf("%+v", f)
	}
	if again := study.FitLine(x, y, 1); again != f {
		t.Errorf("the same points gave %+v and %+v", f, again)
	}
	if f := study.FitLine([]float64{1, 1}, []float64{2, 3}, 1); !math.IsNaN(f.Slope) || f.Say(1, "s") != "no line can be fitted" {
		t.Errorf("through one x: %+v", f)
	}
}
