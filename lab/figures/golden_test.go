package figures

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"flag"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"walm/lab/experiment"
	"walm/lab/results"
)

var update = flag.Bool("update", false, "write the golden files and the results file of made-up numbers")

// small is the made-up set cut down to what a golden file can be read of: two methods and two rates, two blocks.
func small(t testing.TB) results.Set {
	t.Helper()
	text := strings.NewReplacer("repetitions: 6", "repetitions: 2", "[30%, 60%, 90%]", "[60%]",
		"[0, 5000, 20000, 60000]", "[5000, 60000]").Replace(madeUpExperiment)
	return madeUpFrom(t, text)
}

func TestGolden(t *testing.T) {
	set := small(t)
	table := Summary(set, Usual()...)
	compared, err := Compare(set, "method", []string{"tmt", "dt"})
	if err != nil {
		t.Fatal(err)
	}
	raw, err := CSV(set)
	if err != nil {
		t.Fatal(err)
	}
	summed, err := table.CSV()
	if err != nil {
		t.Fatal(err)
	}
	doc, err := JSON(set)
	if err != nil {
		t.Fatal(err)
	}
	for name, got := range map[string][]byte{"summary.txt": table.Text(), "compare.txt": CompareText(compared), "trials.csv": raw,
		"summary.csv": summed, "report.json": doc, "bench.txt": Bench(set)} {
		path := filepath.Join("testdata", name)
		if *update {
			if err := os.WriteFile(path, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("differs from %s (-want +got):\n%s", path, diff)
		}
	}
}

// testdata/made-up.jsonl is the set as a file, for tests of commands.
func TestResultsFile(t *testing.T) {
	set := small(t)
	path := filepath.Join(t.TempDir(), "made-up.jsonl")
	f, err := results.Open(path, set.Header)
	if err != nil {
		t.Fatal(err)
	}
	for _, tr := range set.Trials {
		if err := f.Append(tr); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	kept := filepath.Join("testdata", "made-up.jsonl")
	if *update {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(kept, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	read, err := results.ReadFile(kept)
	if err != nil || len(read.Damaged) > 0 {
		t.Fatalf("%v, %q", err, read.Damaged)
	}
	// What goes through a file must report the same.
	if diff := cmp.Diff(string(Summary(set).Text()), string(Summary(read).Text())); diff != "" {
		t.Errorf("the file says otherwise (-made up +read):\n%s", diff)
	}
}

// The order in which trials ran is random: no number may hang on it.
func TestOrderDoesNotMatter(t *testing.T) {
	set := madeUp(t)
	turned := set
	turned.Trials = nil
	for i := range set.Trials {
		turned.Trials = append(turned.Trials, set.Trials[len(set.Trials)-1-i])
	}
	for _, f := range set.Factors() {
		a, err := Compare(set, f, []string{"tmt", "dt"})
		if err != nil {
			t.Fatal(err)
		}
		b, err := Compare(turned, f, []string{"tmt", "dt"})
		if err != nil || !bytes.Equal(CompareText(a), CompareText(b)) {
			t.Errorf("%s: other comparisons in another order (%v):\n%s%s", f, err, CompareText(a), CompareText(b))
		}
	}
	if a, b := Summary(set).Text(), Summary(turned).Text(); !bytes.Equal(a, b) {
		t.Errorf("another table in another order:\n%s", cmp.Diff(string(a), string(b)))
	}
}

func TestCSVHoldsEveryTrial(t *testing.T) {
	set := madeUp(t)
	b, err := CSV(set)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(bytes.NewReader(b)).ReadAll()
	if err != nil || len(rows) != len(set.Trials)+1 {
		t.Fatalf("%d rows of %d trials, %v", len(rows), len(set.Trials), err)
	}
	column := map[string]int{}
	for i, name := range rows[0] {
		if _, twice := column[name]; twice {
			t.Errorf("column %s is there twice", name)
		}
		column[name] = i
	}
	for i, tr := range set.Trials {
		text := rows[i+1][column["tmt_seconds"]]
		want, has := tr.Metric("tmt")
		if got, err := strconv.ParseFloat(text, 64); has && (err != nil || got != want) || !has && text != "" {
			t.Errorf("trial %d (%s): tmt %q, want %v", tr.N, tr.Status, text, want)
		}
	}
}

func TestJSONHasNullForNever(t *testing.T) {
	b, err := JSON(small(t))
	if err != nil {
		t.Fatal(err)
	}
	var d document
	if err := json.Unmarshal(b, &d); err != nil {
		t.Fatal(err)
	}
	seen := false
	for _, c := range d.Cells {
		if c.Censored == c.Trials {
			seen = true
			if e := c.Values["tmt"]; e.N != 2 || e.Median != nil {
				t.Errorf("a cell that never ended: %+v", e)
			}
		}
	}
	if !seen || d.Schema != "walm.experiment" || len(d.Trials) != 8 {
		t.Errorf("censored cell seen: %v; %s with %d trials", seen, d.Schema, len(d.Trials))
	}
}

// Every line of a benchmark's results is a name, a count and pairs of number and unit.
func TestBenchFormat(t *testing.T) {
	set := small(t)
	set.Trials[0].Cell[0].Level = "1Gbit/s = fast"
	lines := 0
	for line := range strings.Lines(string(Bench(set))) {
		if !strings.HasPrefix(line, "Benchmark") {
			continue
		}
		lines++
		words := strings.Fields(line)
		if len(words) < 4 || len(words)%2 != 0 {
			t.Errorf("%d words: %s", len(words), line)
		}
		for i := 2; i < len(words); i += 2 {
			if x, err := strconv.ParseFloat(words[i], 64); err != nil || math.IsInf(x, 0) {
				t.Errorf("%q is no number in: %s", words[i], line)
			}
		}
		for _, key := range strings.Split(words[0], "/")[1:] {
			if strings.Count(key, "=") != 1 {
				t.Errorf("%q is not one key with one value", key)
			}
		}
	}
	if lines == 0 {
		t.Error("no benchmark at all")
	}
}

func TestCompareByHand(t *testing.T) {
	set := small(t)
	set.Trials = nil
	add := func(block int, method, rate string, ended float64) {
		tr := madeUpTrial(experiment.Trial{Block: block, Cell: experiment.Cell{{Factor: "method", Level: method}, {Factor: "rate", Level: rate}}},
			nil)
		tr.Status, tr.Outcome.TMT = results.Done, seconds(ended)
		set.Trials = append(set.Trials, tr)
	}
	add(1, "pre-copy", "5000", 10)
	add(1, "post-copy", "5000", 5)
	add(2, "post-copy", "5000", 4)
	add(2, "pre-copy", "5000", 16)
	add(1, "pre-copy", "60000", 30) // no partner
	all, err := Compare(set, "method", []string{"tmt"}, [2]string{"pre-copy", "post-copy"})
	if err != nil || len(all) != 1 {
		t.Fatalf("%+v, %v", all, err)
	}
	c := all[0]
	if c.N != 2 || c.Mid != 0.375 || c.Unpaired != 1 || c.Delta != -1 || c.P != 0.5 || c.Adjusted != 0.5 {
		t.Errorf("%+v", c)
	}
	for _, bad := range []func() ([]Comparison, error){
		func() ([]Comparison, error) { return Compare(set, "wset", []string{"tmt"}) },
		func() ([]Comparison, error) { return Compare(set, "method", []string{"speed"}) },
		func() ([]Comparison, error) {
			return Compare(set, "method", []string{"tmt"}, [2]string{"pre-copy", "magic"})
		},
	} {
		if _, err := bad(); err == nil {
			t.Error("what cannot be compared was")
		}
	}
}
