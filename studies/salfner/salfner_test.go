package salfner

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
	"walm/lab/guest"
	"walm/lab/results"
	"walm/measure"
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
	if n := len(planned(t, "full/factorial.yaml")); n != 10560 {
		t.Errorf("the full factorial has %d migrations, published were 10,560", n)
	}
}

// world says what a trial would find.
type world func(s experiment.Setup, run string) (tmt, dt, sent float64)

// data is what every experiment would find in a world, a little different in each block.
func data(t *testing.T, w world) study.Data {
	d := study.Data{}
	for _, name := range Study().Runs {
		run := strings.TrimSuffix(filepath.Base(name), ".yaml")
		var set results.Set
		for _, p := range planned(t, name) {
			tmt, dt, sent := w(p.Setup, run)
			jitter := 1 + 0.002*float64(p.Block)
			trial := results.Trial{N: p.N, Block: p.Block, Cell: p.Cell, Setup: p.Setup, Status: results.Done,
				Link: vm.Rate(28_600 * wire)}
			trial.Outcome = measure.Outcome{
				TMT: seconds(tmt * jitter), DT: seconds(dt * jitter), Bytes: vm.Bytes(sent),
				Service: &measure.Service{Downtime: seconds(dt), Ping: seconds(dt)},
				Loss:    &measure.Loss{Lost: seconds(dt), Baseline: rate(p.Setup.Workload), Complete: true},
			}
			trial.Asked = rate(p.Setup.Workload)
			if math.IsInf(tmt, 1) {
				trial.Status, trial.Outcome = results.Censored, measure.Outcome{Bytes: vm.Bytes(sent)}
			}
			set.Trials = append(set.Trials, trial)
		}
		d[run] = set
	}
	return d
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// rate is a workload's pages per second.
func rate(w guest.Workload) float64 {
	p := w[0]
	if p.Blocks > 0 {
		return float64(p.Blocks) / p.Period.Seconds()
	}
	return float64(p.Rate)
}

// published is a world in which every claim of the publication is true.
func published(s experiment.Setup, run string) (tmt, dt, sent float64) {
	const link = 30_000.
	memory := float64((s.Memory - s.Spare) / vm.Page)
	p := s.Workload[0]
	wset, r := float64(p.WorkingSet/vm.Page), rate(s.Workload)
	if run == "load" || run == "fill" {
		return 1, 0.1, 1
	}
	if s.StopRule == experiment.QEMURule && run == "factorial" {
		if r > link {
			return math.Inf(1), 0, 1
		}
		return 1, 0.3, 1
	}
	if p.Kind == "static" || p.Kind == "idle" || r == 0 {
		if run == "wset" { // no difference at all without writes: section V-A against section IV-C
			return 1, 0.1, 1
		}
		return memory / link, 0.01 + 0.1*wset/link, memory * float64(vm.Page)
	}
	height := 0.2 + 0.05*r/link + 3/(1+math.Exp(-(r-link)/2500))
	dt = wset / link * height
	tmt = memory / link * (1 + r/link)
	if r > link {
		tmt = memory / link * (2 - (r-link)/link)
	}
	if run == "vmsize" && memory == 32768 {
		tmt = 12 // not on the line through the smaller ones
	} else if run == "factorial" && r > 0 && wset < 10000 {
		tmt *= 0.2
	}
	return tmt, dt, memory * float64(vm.Page)
}

// contrary is a world in which nothing that the publication varied matters, and what it dropped does.
func contrary(s experiment.Setup, run string) (tmt, dt, sent float64) {
	switch run {
	case "load":
		return 1 + float64(s.Workload[0].Load)/100, 0.1 + float64(s.Workload[0].Load)/500, 1
	case "fill":
		return 1 + float64(s.Workload[0].Fill)/4096, 0.1 + float64(s.Workload[0].Fill)/20000, 1
	}
	return 2, 0.2, 4 * float64(s.Memory)
}

func TestVerdicts(t *testing.T) {
	always := map[string]study.Verdict{ // what no result can change
		"C-III-hosts": study.Untestable, "C-Fig4": study.Untestable, "C-V-RATE-unit": study.Fails,
		"C-V-design":      study.Holds,
		"C-II-VMware-TMT": study.Untestable, "C-II-VMware-DT": study.Untestable, "C-VII": study.Holds,
	}
	// In the published and in the contrary world, where not holds and does not hold.
	differs := map[string][2]study.Verdict{
		"C-II":          {study.Holds, study.Holds},
		"C-III-load":    {study.Holds, study.Holds},
		"C-IV-A-VMware": {study.Fails, study.Holds},       // Xen's world: an idle VM's time grows
		"C-IV-C":        {study.Fails, study.Fails},       // V-A's world
		"C-Table-I":     {study.HoldsInPart, study.Fails}, // the same
		"C-II-SD":       {study.HoldsInPart, study.Holds},
		"C-V-RATE":      {study.Holds, study.Holds},
		"C-V-A-inert":   {study.Holds, study.Holds},
		"C-Fig2-vmsize": {study.Holds, study.HoldsInPart},
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
	claim := regexp.MustCompile(`\bC-[\w.-]*\w`)
	for _, problem := range Study().Problems {
		for _, id := range claim.FindAllString(problem, -1) {
			if !slices.ContainsFunc(Study().Claims, func(c study.Claim) bool { return c.ID == id }) {
				t.Errorf("there is no claim %s: %s", id, problem)
			}
		}
	}
}
