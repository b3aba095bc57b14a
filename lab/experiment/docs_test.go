package experiment

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"walm/decide/peer"
	"walm/lab/guest"
)

const docs = "../../docs/experiments.md"

// TestDocs: the table of settings is what the program knows.
func TestDocs(t *testing.T) {
	text, err := os.ReadFile(docs)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, began := strings.Cut(string(text), "<!-- settings: written by `go test ./lab/experiment -update` -->\n")
	is, after, ended := strings.Cut(rest, "<!-- end -->")
	if !began || !ended {
		t.Fatal("docs/experiments.md has no place for the table of settings")
	}
	want := table()
	if *update {
		whole := strings.TrimSuffix(string(text), rest) + want + "<!-- end -->" + after
		if err := os.WriteFile(docs, []byte(whole), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, is); diff != "" {
		t.Errorf("run go test ./lab/experiment -update:\n%s", diff)
	}
	// The example in it is right, too.
	_, example, _ := strings.Cut(before, "```yaml\n")
	example, _, _ = strings.Cut(example, "```")
	if _, err := Parse("docs/experiments.md", []byte(example)); err != nil {
		t.Error(err)
	}
}

func table() string {
	var b strings.Builder
	b.WriteString("| setting | values | where not said | what | a change boots | scaled | goes with method |\n|---|---|---|---|---|---|---|\n")
	yes := func(is bool) string {
		if is {
			return "yes"
		}
		return ""
	}
	for _, s := range settings() {
		fallback := s.fallback
		if fallback != "" {
			fallback = "`" + fallback + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s | %s | %s |\n", s.name, s.values, fallback, s.what, yes(s.hard), yes(s.scaled),
			with(s))
	}
	return b.String()
}

// with is what a setting goes with.
func with(s setting) string {
	if slices.Equal(s.with, peer.Names()) {
		return "a [peer](peers.md)"
	}
	return strings.Join(s.with, ", ")
}

// TestDocumentedWorkloads: those that the documentation shows are ones that the guest takes.
func TestDocumentedWorkloads(t *testing.T) {
	text, err := os.ReadFile(docs)
	if err != nil {
		t.Fatal(err)
	}
	rows := regexp.MustCompile("(?m)^\\| `([a-z-]+(?::[^`]+)?)` \\| [^|]+ \\|$").FindAllStringSubmatch(string(text), -1)
	kinds := map[string]bool{}
	for _, row := range rows {
		w, err := guest.ParseWorkload(row[1])
		if err != nil {
			t.Error(err)
			continue
		}
		kinds[w[0].Kind] = true
	}
	_, err = guest.ParseWorkload("none-such")
	_, all, ok := strings.Cut(fmt.Sprint(err), "one of ")
	if !ok {
		t.Fatalf("the guest does not say which workloads there are: %v", err)
	}
	for kind := range strings.SplitSeq(all, ", ") {
		if !kinds[kind] {
			t.Errorf("%s is not documented", kind)
		}
	}
}

// TestSettings: each does what its columns in the table say.
func TestSettings(t *testing.T) {
	set := func(s setting, value string) Setup {
		x := &Experiment{Scale: 1, Base: []Fixture{{Name: "spare", Value: "160MiB"}}}
		x.Base = append(x.Base, Fixture{Name: s.name, Value: value})
		if s.with != nil {
			x.Base = append(x.Base, Fixture{Name: "method", Value: s.with[0]})
		}
		if s.name == "spare" {
			x.Base = x.Base[1:]
		}
		setup, err := x.setup(nil)
		if err != nil {
			t.Fatalf("%s: %s: %v", s.name, value, err)
		}
		return setup
	}
	levels := map[string][2]string{"memory": {"1GiB", "2GiB"}, "spare": {"200MiB", "300MiB"}, "link": {"none", "2Gbit/s"},
		"method": {"offline", "walm"}, "among": {"pre-copy", "hybrid,post-copy"}, "downtime-limit": {"1s", "2s"}, "limit": {"1s", "2s"},
		"bandwidth": {"none", "1Gbit/s"}, "postcopy-bandwidth": {"none", "1Gbit/s"}, "passes": {"2", "3"}, "vcpus": {"2", "3"},
		"multifd": {"2", "3"}, "throttle-initial": {"2", "3"}, "throttle-increment": {"2", "3"}, "throttle-max": {"30", "40"},
		"workload": {"idle", "cpu:load=3"}, "peer-scale": {"2", "3.5"}}
	for _, s := range settings() {
		two, ok := levels[s.name]
		if !ok {
			values := strings.Split(s.values, ", ")
			two = [2]string{values[0], values[1]}
		}
		a, b := set(s, two[0]), set(s, two[1])
		if cmp.Diff(a, b) == "" {
			t.Errorf("%s: %s and %s are the same", s.name, two[0], two[1])
		}
		if a.Boot(b) != s.hard {
			t.Errorf("%s: from %s to %s needs a boot: %v, and the table says %v", s.name, two[0], two[1], a.Boot(b), s.hard)
		}
	}
}
