package interim

import (
	"io/fs"
	"math"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"walm/lab/experiment"
	"walm/lab/results"
	"walm/measure"
	"walm/predict"
	"walm/studies/study"
	"walm/vm"
)

// planned are the trials of an experiment file, as its plan has them.
func planned(t *testing.T, name string) []experiment.Trial {
	t.Helper()
	text, err := fs.ReadFile(files, name)
	if err != nil {
		t.Fatal(err)
	}
	x, err := experiment.Parse(name, text)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := x.Plan()
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

func TestFilesPlan(t *testing.T) {
	names, err := fs.Glob(files, "full/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range append(names, Study().Runs...) {
		if len(planned(t, name)) == 0 {
			t.Errorf("%s plans nothing", name)
		}
	}
}

// TestWorkloads: the claims look for the workloads that the files run.
func TestWorkloads(t *testing.T) {
	here := map[string]bool{}
	for _, name := range Study().Runs {
		for _, p := range planned(t, name) {
			for _, l := range p.Cell {
				here[l.Level] = true
			}
		}
	}
	for _, w := range []string{cpu, sender, reader, writer, fast} {
		if !here[w] {
			t.Errorf("no experiment runs %s", w)
		}
	}
}

// world fills in what a trial would find.
type world func(p experiment.Trial, run string, t *results.Trial)

func data(t *testing.T, w world) study.Data {
	d := study.Data{}
	for _, name := range Study().Runs {
		run := strings.TrimSuffix(filepath.Base(name), ".yaml")
		var set results.Set
		for _, p := range planned(t, name) {
			trial := results.Trial{N: p.N, Block: p.Block, Cell: p.Cell, Setup: p.Setup, Status: results.Done,
				Method: p.Setup.Method}
			trial.Outcome = measure.Outcome{TMT: 2 * time.Second, DT: 200 * time.Millisecond,
				Loss: &measure.Loss{Lost: 200e6}}
			trial.Precopy = 1900 * time.Millisecond
			w(p, run, &trial)
			jitter := time.Duration(p.Block) * time.Millisecond
			if trial.Outcome.TMT += jitter; trial.Status == results.Censored {
				trial.Outcome = measure.Outcome{}
			}
			set.Trials = append(set.Trials, trial)
		}
		d[run] = set
	}
	return d
}

func level(c experiment.Cell, factor string) string {
	for _, l := range c {
		if l.Factor == factor {
			return l.Level
		}
	}
	return ""
}

// chosen is what a choice of the trial would be: the best known one, or each in turn.
func chosen(p experiment.Trial, best vm.Method) vm.Method {
	switch p.Setup.Choice {
	case experiment.Walm:
		return best
	case experiment.Random:
		return []vm.Method{vm.PreCopy, vm.PostCopy, vm.Hybrid}[p.N%3]
	}
	return p.Setup.Method
}

// published is a world in which the report is right, in what it measured, expects and plans to show.
func published(p experiment.Trial, run string, t *results.Trial) {
	set := func(tmt, dt, loss float64) {
		t.Outcome.TMT, t.Outcome.DT, t.Outcome.Loss.Lost = seconds(tmt), seconds(dt), seconds(loss)
	}
	size := float64(p.Setup.Memory) / float64(vm.GiB)
	switch run {
	case "working-set":
		share := float64(p.Setup.Workload[0].WorkingSet) / float64(p.Setup.Memory)
		set(2+share, 0.1+share, 1)
		t.CPU.GuestDuring = share
	case "sysbench":
		set(3-size, 0.4-0.1*size, 0.4)
		if p.Setup.Method == vm.Hybrid {
			set(3-size, 0.04-0.01*size, 0.4)
		}
	case "network":
		if strings.Contains(level(p.Cell, "workload"), "net-out") && !p.Setup.Separate {
			set(4, 0.2, 0.2)
		}
	case "choice":
		workload := level(p.Cell, "workload")
		best := map[string]vm.Method{reader: vm.PreCopy, writer: vm.Hybrid, fast: vm.PostCopy, cpu: vm.PreCopy,
			sender: vm.Hybrid}[workload]
		t.Method = chosen(p, best)
		set(3, 0.4, 2)
		if t.Method == best {
			set(1, 0.1, 0.1)
		}
		switch {
		case workload == fast && t.Method == vm.PreCopy:
			t.Status = results.Censored
		case workload == reader && t.Method == vm.PostCopy:
			set(0.9, 0.05, 3)
		case workload == reader && t.Method == vm.Hybrid:
			set(3, 0.4, 1)
		}
		if t.Method == vm.Hybrid {
			t.Precopy = 0
		}
		if t.Outcome.Claimed.Bytes = 1e8; t.Method == vm.PreCopy && (workload == writer || workload == fast) {
			t.Outcome.Claimed.Bytes = 4e8
		}
		if p.Setup.Choice == experiment.Walm {
			t.Forecast = []predict.Forecast{{Method: t.Method, TMT: predict.Span{Mid: t.Outcome.TMT}}}
		}
	}
}

// contrary is a world in which it is wrong: nothing depends on anything, and chance chooses better.
func contrary(p experiment.Trial, run string, t *results.Trial) {
	switch run {
	case "working-set":
		t.CPU.GuestDuring = 0.5
		if p.Setup.Workload[0].Rate < 0 {
			t.Status = results.Censored
		}
	case "network":
		if strings.Contains(level(p.Cell, "workload"), "net-in") && !p.Setup.Separate {
			t.Outcome.TMT *= 2
		}
	case "choice":
		t.Method = chosen(p, vm.PreCopy)
		if t.Outcome.Claimed.Bytes = 1e8; t.Method == vm.PreCopy && (level(p.Cell, "workload") == cpu || level(p.Cell, "workload") == sender) {
			t.Outcome.Claimed.Bytes = 4e8
		}
		if p.Setup.Choice == experiment.Walm {
			t.Outcome.TMT, t.Outcome.DT, t.Outcome.Loss.Lost = seconds(5), seconds(1), seconds(5)
			t.Forecast = []predict.Forecast{{Method: t.Method, TMT: predict.Span{Mid: seconds(1)}}}
		}
	}
}

func seconds(s float64) time.Duration { return time.Duration(math.Round(s * float64(time.Second))) }

func TestVerdicts(t *testing.T) {
	always := map[string]study.Verdict{ // what no result can change
		"D-3.3-scripts": study.Untestable, "D-Fig10-sums": study.HoldsInPart, "D-Fig10-link": study.HoldsInPart,
		"D-Fig10-rule": study.Holds, "D-Fig10-replay": study.Holds,
	}
	// In the published and in the contrary world, where not holds and does not hold.
	differs := map[string][2]study.Verdict{
		"D-3.3-post-copy": {study.Fails, study.Fails},       // every move ended
		"D-1-Shah":        {study.Fails, study.Fails},       // pre-copy never ended in the one, was no faster in the other
		"D-1-suits":       {study.Holds, study.HoldsInPart}, // being exposed costs a little by itself
		"D-Fig18-RAM":     {study.Holds, study.Fails},
	}
	yes, no := data(t, published), data(t, contrary)
	seen := map[string]bool{}
	for _, c := range Study().Claims {
		if seen[c.ID] {
			t.Errorf("claim %s is there twice", c.ID)
		}
		seen[c.ID] = true
		want := [2]study.Verdict{study.Holds, study.Fails}
		if v, ok := always[c.ID]; ok {
			want = [2]study.Verdict{v, v}
		} else if v, ok := differs[c.ID]; ok {
			want = v
		}
		for i, d := range []study.Data{yes, no} {
			f := c.Check(d)
			if f.Verdict != want[i] || f.Ours == "" || f.Evidence == "" {
				t.Errorf("%s in the %s world: %s, want %s; ours: %s", c.ID, []string{"published", "contrary"}[i],
					f.Verdict, want[i], f.Ours)
			}
			if strings.Contains(f.Ours, "NaN") || strings.Contains(f.Ours, "%!") {
				t.Errorf("%s: %s", c.ID, f.Ours)
			}
		}
		if f := c.Check(nil); always[c.ID] == "" && f.Verdict != study.NotRun {
			t.Errorf("%s without results: %s", c.ID, f.Verdict)
		}
	}
}

// TestTables: every row is as long as the head, and there are none without results.
func TestTables(t *testing.T) {
	d := data(t, published)
	for _, table := range Study().Tables {
		if rows := table.Rows(nil); len(rows) != 0 {
			t.Errorf("%q without results: %v", table.Caption, rows)
		}
		rows := table.Rows(d)
		for _, row := range rows {
			if len(row) != len(table.Head) || strings.Contains(strings.Join(row, ""), "NaN") {
				t.Errorf("%q: %q", table.Caption, row)
			}
		}
		if len(rows) == 0 {
			t.Errorf("%q is empty", table.Caption)
		}
	}
}

// TestProblems: the claims that problems point to are there.
func TestProblems(t *testing.T) {
	claim := regexp.MustCompile(`\bD-[\w.-]*\w`)
	for _, problem := range Study().Problems {
		for _, id := range claim.FindAllString(problem, -1) {
			if !slices.ContainsFunc(Study().Claims, func(c study.Claim) bool { return c.ID == id }) {
				t.Errorf("there is no claim %s: %s", id, problem)
			}
		}
	}
}
