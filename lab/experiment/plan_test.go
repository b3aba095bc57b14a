package experiment

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

var update = flag.Bool("update", false, "write the tables of docs/experiments.md anew")

// TestPlanStays: the order of a plan is part of its results and stays for ever: a run that was begun by one walm is gone
// on with by another. The file is therefore not written anew by -update. A default that changes makes another plan, and
// rightly so.
func TestPlanStays(t *testing.T) {
	x := parse(t, `
walm: 1
name: golden
seed: 42
repetitions: 2
base: {spare: 160MiB, downtime-limit: 300ms, workload: "cyclic:wset={wset},rate=3000"}
factors:
  memory: [256MiB, 512MiB]
  wset: [10%, 20%]
  method: [pre-copy, post-copy]
leave-out:
  - {memory: 512MiB, wset: 10%, method: post-copy}
`)
	trials := plan(t, x)
	var got strings.Builder
	for _, trial := range trials {
		fmt.Fprintf(&got, "%d %d %s %s %016x\n", trial.N, trial.Block, trial.Cell, trial.Setup.Workload, trial.Seed)
	}
	print, err := Fingerprint(trials)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintln(&got, print)
	want, err := os.ReadFile("testdata/plan.txt")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got.String(), "\n")); diff != "" {
		t.Error(diff)
	}
}

// TestFingerprint: it is the plan's and not the file's.
func TestFingerprint(t *testing.T) {
	of := func(text string) string {
		print, err := Fingerprint(plan(t, parse(t, text)))
		if err != nil {
			t.Fatal(err)
		}
		return print
	}
	first := of(small)
	for _, c := range []struct{ old, new string }{
		{"What happens?", "What else?"},
		{"seed: 42", "seed: 42 # of all"},
		{"factors:\n", "\n\nfactors:\n"},
		{"[0, 20000, max]", `["0", 20000, "max"]`},
		{"memory: 4GiB", "memory: 4096MiB"},
		{"  link: 1Gbit/s\n", "  link: 1Gbit/s\n  method: pre-copy\n"},
	} {
		if of(strings.Replace(small, c.old, c.new, 1)) != first {
			t.Errorf("%q in place of %q is another plan", c.new, c.old)
		}
	}
	for _, c := range []struct{ old, new string }{
		{"seed: 42", "seed: 43"},
		{"repetitions: 6", "repetitions: 7"},
		{"scale: 8", "scale: 4"},
		{"20000", "20008"},
		{"10%, 60%]", "10%, 61%]"},
		{"1Gbit/s", "2Gbit/s"},
	} {
		if of(strings.Replace(small, c.old, c.new, 1)) == first {
			t.Errorf("%q in place of %q is the same plan", c.new, c.old)
		}
	}
}

// designs are experiments of any shape.
func designs(t *rapid.T) string {
	levels := func(label string, all ...string) string {
		n := rapid.IntRange(1, len(all)).Draw(t, label)
		return strings.Join(all[:n], ", ")
	}
	text := fmt.Sprintf(`
walm: 1
name: any
seed: %d
repetitions: %d
base: {spare: 160MiB, workload: "cyclic:wset={wset},rate={rate}"}
factors:
  memory: [%s]
  wset: [%s]
  vcpus: [%s]
  rate: [%s]
`, rapid.Uint64().Draw(t, "seed"), rapid.IntRange(1, 4).Draw(t, "repetitions"), levels("memory", "128MiB", "256MiB", "512MiB"),
		levels("wset", "10%", "30%", "60%"), levels("vcpus", "1", "2"), levels("rate", "max", "0", "100"))
	if rapid.Bool().Draw(t, "leave out") {
		text += "leave-out: [{wset: 10%, rate: max, vcpus: 1}, {memory: 128MiB, rate: max}]\n"
	}
	return text
}

func TestPlanProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := designs(t)
		x, err := Parse("any.yaml", []byte(text))
		if err != nil {
			if strings.Contains(err.Error(), "leaves nothing") {
				t.Skip("nothing is left")
			}
			t.Fatal(err)
		}
		trials, err := x.Plan()
		if err != nil {
			t.Fatal(err)
		}
		cells, err := x.cells()
		if err != nil {
			t.Fatal(err)
		}
		if len(trials) != len(cells)*x.Repetitions {
			t.Fatalf("%d trials of %d cells, %d times", len(trials), len(cells), x.Repetitions)
		}
		machines := map[machine]bool{}
		boots := make([]int, x.Repetitions+1) // by block; a block's first trial counts
		have := make([]map[string]bool, x.Repetitions+1)
		for i, trial := range trials {
			b := trial.Block
			if trial.N != i+1 || b != i/len(cells)+1 {
				t.Fatalf("trial %d of block %d comes as number %d", trial.N, b, i+1)
			}
			if have[b] == nil {
				have[b] = map[string]bool{}
			}
			if have[b][trial.Cell.String()] {
				t.Fatalf("block %d has %s twice", b, trial.Cell)
			}
			have[b][trial.Cell.String()] = true
			machines[trial.Setup.machine()] = true
			if i == 0 || trials[i-1].Block != b || trials[i-1].Setup.Boot(trial.Setup) {
				boots[b]++
			}
		}
		for b := 1; b <= x.Repetitions; b++ {
			if boots[b] != len(machines) {
				t.Errorf("block %d changes what needs a boot %d times, and there are %d", b, boots[b], len(machines))
			}
		}
		again, err := x.Plan()
		if diff := cmp.Diff(trials, again); diff != "" || err != nil {
			t.Errorf("the same seed gives another plan: %v\n%s", err, diff)
		}
	})
}

// TestOrderVaries: blocks differ from one another, and so do seeds.
func TestOrderVaries(t *testing.T) {
	x := parse(t, small)
	orders, seeds := map[string]bool{}, map[uint64]bool{}
	for seed := range uint64(20) {
		x.Seed = seed
		trials := plan(t, x)
		for block := range slices.Chunk(trials, 5) {
			var order []string
			for _, trial := range block {
				order = append(order, trial.Cell.String())
				seeds[trial.Seed] = true
			}
			orders[strings.Join(order, ",")] = true
		}
	}
	// 120 blocks of the 120 orders that there are of five: 76 differ on average, 5 standard deviations less are 60.
	if len(orders) < 60 {
		t.Errorf("only %d orders in 120 blocks", len(orders))
	}
	if len(seeds) != 600 {
		t.Errorf("%d seeds for 600 trials", len(seeds))
	}
}

// TestEveryPlace: over many blocks each cell is as often first as any other.
func TestEveryPlace(t *testing.T) {
	x := parse(t, strings.Replace(small, "repetitions: 6", "repetitions: 1000", 1))
	first := map[string]int{}
	for _, trial := range plan(t, x) {
		if (trial.N-1)%5 == 0 {
			first[trial.Cell.String()]++
		}
	}
	for cell, n := range first { // 200 each, standard deviation 12.6
		if n < 140 || n > 260 {
			t.Errorf("%s is first in %d of 1000 blocks", cell, n)
		}
	}
}

// TestLeaveOutLists: a list leaves out every one of its combinations.
func TestLeaveOutLists(t *testing.T) {
	x := parse(t, `
walm: 1
name: lists
seed: 1
repetitions: 1
base: {workload: "cyclic:wset={wset},rate={rate}"}
factors:
  wset: [10%, 20%, 30%]
  rate: [0, 100, 200]
leave-out:
  - {wset: [10%, 20%], rate: [100, 200]}
`)
	if cells, err := x.cells(); err != nil || len(cells) != 5 {
		t.Errorf("%d cells (%v); want 9 without 4", len(cells), err)
	}
}
