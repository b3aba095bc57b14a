package experiment

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"walm/lab/debian"
	"walm/vm"
)

// small is an experiment in which little is wrong, for tests that change a line of it.
const small = `walm: 1
name: small
question: What happens?
scale: 8
seed: 42
repetitions: 6
base:
  memory: 4GiB
  spare: 160MiB
  link: 1Gbit/s
  workload: "cyclic:wset={wset},rate={rate}"
factors:
  wset: [10%, 60%]
  rate: [0, 20000, max]
leave-out:
  - {wset: 10%, rate: max}
`

func parse(t *testing.T, text string) *Experiment {
	t.Helper()
	x, err := Parse("small.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func plan(t *testing.T, x *Experiment) []Trial {
	t.Helper()
	trials, err := x.Plan()
	if err != nil {
		t.Fatal(err)
	}
	return trials
}

func TestScale(t *testing.T) {
	x := parse(t, small)
	trials := plan(t, x)
	if len(trials) != 5*6 {
		t.Fatalf("%d trials of 5 cells, 6 times", len(trials))
	}
	for _, trial := range trials {
		s := trial.Setup
		if trial.Cell.String() != "wset=60% rate=20000" {
			continue
		}
		switch {
		case s.Memory != (512+160)*vm.MiB, s.Spare != 160*vm.MiB:
			t.Errorf("memory %v, of it %v spare", s.Memory, s.Spare)
		case s.Link != 125e6/8, s.Scale != 8:
			t.Errorf("link %v at scale %v", s.Link, s.Scale)
		case s.Workload.Arena() != 512*vm.MiB*6/10/vm.Page*vm.Page+vm.Page && s.Workload.Arena() != 512*vm.MiB*6/10/vm.Page*vm.Page:
			t.Errorf("a working set of 60 %% is %v", s.Workload.Arena())
		case s.Workload.Asked() != 2500:
			t.Errorf("20000 a second at scale 8 are %v", s.Workload.Asked())
		case s.Limit != 2*time.Minute, s.Params.DowntimeLimit != vm.DefaultDowntimeLimit:
			t.Errorf("times do not scale: limit %v, downtime limit %v", s.Limit, s.Params.DowntimeLimit)
		case s.QEMU != debian.Backports, s.Destination != debian.Backports, s.Accelerator != "tcg", s.VCPUs != 1, s.Separate,
			s.Storage != NoDisk, s.Choice != Fixed, s.Method != vm.PreCopy, s.Profile != "balanced", s.StopRule != QEMURule, s.Forecasts:
			t.Errorf("defaults: %+v", s)
		}
	}
}

func TestErrors(t *testing.T) {
	for name, c := range map[string]struct {
		old, new string // what of small is replaced
		line     int
		want     string
	}{
		"nothing":          {small, "", 0, "one YAML document"},
		"no YAML":          {"base:\n", "base: [\n", 12, "must be specified"},
		"not UTF-8":        {"happens?", "happens\xff", 0, "UTF-8"},
		"two documents":    {"question", "---\nquestion", 0, "one YAML document"},
		"a list":           {small, "- 1\n- 2\n", 1, "keys with values"},
		"unknown key":      {"repetitions", "repetition", 6, `unknown key "repetition" (did you mean repetitions?)`},
		"twice":            {"seed: 42", "scale: 42", 5, "already defined"},
		"other version":    {"walm: 1", "walm: 2", 1, "version 1"},
		"no version":       {"walm: 1", "# walm: 1", 0, "walm is missing"},
		"bad name":         {"name: small", "name: ../small", 2, "letters, digits and hyphens"},
		"control":          {"What happens?", `"\e[2J"`, 3, "cannot be printed"},
		"scale":            {"scale: 8", "scale: 0.5", 4, "from 1 on"},
		"scale NaN":        {"scale: 8", "scale: NaN", 4, "from 1 on"},
		"seed":             {"seed: 42", "seed: -1", 5, "from 0 on"},
		"none":             {"repetitions: 6", "repetitions: 0", 6, "from 1 on"},
		"negative":         {"repetitions: 6", "repetitions: -3", 6, "from 1 on"},
		"too many":         {"repetitions: 6", "repetitions: 99999", 6, "more than 100000 trials"},
		"unknown setting":  {"  link:", "  lnk:", 10, `unknown setting "lnk" (did you mean link?)`},
		"unused variable":  {"rate={rate}", "rate=7", 14, `unknown setting "rate"`},
		"unset variable":   {"rate={rate}", "rate={speed}", 14, `unknown setting "rate"`},
		"missing variable": {"{rate}", "{rate},fill={fill}", 11, "uses {fill}, which neither base nor factors say"},
		"empty value":      {"link: 1Gbit/s", `link: ""`, 10, "is no value"},
		"null":             {"link: 1Gbit/s", `link:`, 10, "want one value"},
		"two values":       {"link: 1Gbit/s", "link: [1Gbit/s, 2Gbit/s]", 10, "what varies belongs under factors"},
		"bad link":         {"link: 1Gbit/s", "link: fast", 10, "link: "},
		"bad memory":       {"memory: 4GiB", "memory: 4", 8, "memory: "},
		"method":           {"link: 1Gbit/s", "method: precopy", 10, "method: "},
		"qemu":             {"link: 1Gbit/s", "qemu: 9.2", 10, "7.2 or 10.0"},
		"vcpus":            {"link: 1Gbit/s", "vcpus: 0", 10, "from 1 to 64"},
		"truth":            {"link: 1Gbit/s", "separate: yes", 10, "true or false"},
		"limit":            {"link: 1Gbit/s", "limit: 0s", 10, "above zero"},
		"profile":          {"link: 1Gbit/s", "method: walm\n  profile: gentel", 11, "(did you mean gentle?)"},
		"among twice":      {"link: 1Gbit/s", "method: random\n  among: [hybrid, hybrid]", 11, "twice"},
		"among nothing":    {"link: 1Gbit/s", "method: random\n  among: []", 11, "no value"},
		"no factor":        {"factors:\n  wset: [10%, 60%]\n  rate: [0, 20000, max]", "factors: {}", 12, "there is no factor"},
		"no levels":        {"[10%, 60%]", "[]", 13, "no levels"},
		"twice a level":    {"[10%, 60%]", "[10%, 60%, 10%]", 13, "the level 10% twice"},
		"same level":       {"[10%, 60%]", "[60%, 10%, 60.0%]", 13, "are the same trial"},
		"base and factor":  {"link: 1Gbit/s", "wset: 5%", 13, "in base and a factor"},
		"name of variable": {"  wset: [", "  w set: [", 13, "letters, digits and hyphens"},
		"leave out what":   {"- {wset: 10%,", "- {wset: 11%,", 16, `no level "11%", only 10%, 60%`},
		"leave out whom":   {"- {wset: 10%,", "- {set: 10%,", 16, "no factor"},
		"leave out all":    {"- {wset: 10%, rate: max}", "- {wset: 10%}\n  - {wset: 60%}", 15, "leaves nothing"},
		"leave out {}":     {"- {wset: 10%, rate: max}", "- {}", 16, "everything"},
		"no list":          {"  - {wset: 10%, rate: max}", "  wset: 10%", 15, "want a list"},
		"above memory":     {"[10%, 60%]", "[10%, 150%]", 13, "does not fit"},
		"no room":          {"4GiB\n  spare: 160MiB", "512MiB\n  spare: 0MiB", 13, "MiB more of spare"},
		"workload":         {"cyclic:", "cyclical:", 11, `unknown workload "cyclical"`},
		"share of a rate":  {"rate: [0,", "rate: [50%,", 11, "rate=50%"},
		"disk":             {`"cyclic:`, `"disk:rate=9+cyclic:`, 11, "needs a disk"},
		"multifd":          {"link: 1Gbit/s", "method: post-copy\n  multifd: 4", 11, "goes with method: stop-and-copy, pre-copy, auto-converge"},
		"passes":           {"link: 1Gbit/s", "passes: 4", 10, "passes goes with method: hybrid, walm, random, and the method is pre-copy"},
		"Xen's rule":       {"link: 1Gbit/s", "method: post-copy\n  stop-rule: xen", 11, "stop-rule goes with method: pre-copy"},
		"among one":        {"link: 1Gbit/s", "among: [pre-copy]", 10, "among goes with method: walm, random"},
		"downtime limit":   {"link: 1Gbit/s", "method: stop-and-copy\n  downtime-limit: 1s", 11, "downtime-limit goes with"},
		"throttle":         {"link: 1Gbit/s", "method: auto-converge\n  throttle-initial: 50\n  throttle-max: 40", 11, "above the limit"},
	} {
		t.Run(name, func(t *testing.T) {
			if !strings.Contains(small, c.old) {
				t.Fatalf("there is no %q to replace", c.old)
			}
			_, err := Parse("small.yaml", []byte(strings.Replace(small, c.old, c.new, 1)))
			var wrong *Error
			if !errors.As(err, &wrong) {
				t.Fatalf("error %v", err)
			}
			if wrong.Line != c.line || !strings.Contains(wrong.Err.Error(), c.want) {
				t.Errorf("line %d, want %d with %q:\n%v", wrong.Line, c.line, c.want, err)
			}
			if wrong.Line > 0 && wrong.Text == "" {
				t.Error("the line's text is not shown")
			}
		})
	}
}

func TestErrorShowsTheLine(t *testing.T) {
	_, err := Parse("dir/small.yaml", []byte(strings.Replace(small, "4GiB", "4GB?", 1)))
	if err == nil || !strings.HasPrefix(err.Error(), "dir/small.yaml:8: memory: ") || !strings.HasSuffix(err.Error(), "\n\tmemory: 4GB?") {
		t.Errorf("error %v", err)
	}
}

// TestMethodIsAFactor: what a method does not have is left out of its trials and set in the others'.
func TestMethodIsAFactor(t *testing.T) {
	x := parse(t, `{walm: 1, name: methods, repetitions: 6, base: {passes: 3, downtime-limit: 1s, stop-rule: xen, profile: gentle,
  among: [pre-copy, hybrid], throttle-max: 50}, factors: {method: [stop-and-copy, pre-copy, auto-converge, hybrid, walm]}}`)
	for _, trial := range plan(t, x)[:5] {
		s := trial.Setup
		want := vm.DefaultParams(s.Method)
		if s.Method != vm.StopAndCopy {
			want.DowntimeLimit = time.Second
		}
		switch s.Method {
		case vm.Hybrid:
			want.Passes = 3
		case vm.AutoConverge:
			want.ThrottleMax = 50
		case "":
			want.Passes, want.ThrottleMax = 3, 50
		}
		if s.Params != want {
			t.Errorf("%s: %+v, want %+v", trial.Cell, s.Params, want)
		}
		if chosen := s.Choice == Walm; (s.Profile == "gentle") != chosen || (len(s.Among) == 2) != chosen {
			t.Errorf("%s: profile %s, among %v", trial.Cell, s.Profile, s.Among)
		}
		if (s.StopRule == XenRule) != (s.Method == vm.PreCopy) {
			t.Errorf("%s: stop rule %s", trial.Cell, s.StopRule)
		}
	}
	_, err := Parse("same.yaml", []byte(`
walm: 1
name: same
repetitions: 6
factors:
  method: [pre-copy, hybrid]
  passes: [1, 2]
`))
	if err == nil || !strings.Contains(err.Error(), `same.yaml:7: "method=pre-copy passes=1" and "method=pre-copy passes=2" are the same trial`) {
		t.Errorf("error %v", err)
	}
}

func TestWarnings(t *testing.T) {
	if x := parse(t, small); len(x.Warnings) != 0 {
		t.Errorf("warnings %q", x.Warnings)
	}
	x := parse(t, strings.Replace(small, "repetitions: 6", "repetitions: 5", 1))
	if len(x.Warnings) != 1 || !strings.Contains(x.Warnings[0], "5 repetitions are too few") {
		t.Errorf("warnings %q", x.Warnings)
	}
}

func TestFactors(t *testing.T) {
	factors, err := Factors([]byte(strings.Replace(small, "4GiB", "nonsense", 1)))
	if err != nil || len(factors) != 2 || factors[0].Name != "wset" || strings.Join(factors[1].Levels, " ") != "0 20000 max" {
		t.Errorf("factors %v, %v", factors, err)
	}
	if _, err := Factors([]byte("hello")); err == nil {
		t.Error("what is no experiment has factors")
	}
}

// TestExamples: the examples are right, and small enough to be tried.
func TestExamples(t *testing.T) {
	files, err := filepath.Glob("../../examples/*.yaml")
	if err != nil || len(files) < 4 {
		t.Fatalf("examples %v, %v", files, err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		x, err := Parse(name, text)
		if err != nil {
			t.Error(err)
			continue
		}
		if base := strings.TrimSuffix(filepath.Base(name), ".yaml"); x.Name != base || x.Question == "" {
			t.Errorf("%s is named %s and asks %q", name, x.Name, x.Question)
		}
		if n := len(plan(t, x)); n > 200 {
			t.Errorf("%s has %d trials", name, n)
		}
	}
}

// TestPeer: a peer is a level of method like any other, and what is walm's alone is not for it.
func TestPeer(t *testing.T) {
	x := parse(t, `
walm: 1
name: peers
seed: 1
repetitions: 6
base:
  peer-scale: 20
  downtime-limit: 1s
factors:
  method: [walm, pre-copy, nova-abort, kubevirt-stall]
`)
	for _, trial := range plan(t, x) {
		s := trial.Setup
		name, _ := trial.Cell.Level("method")
		switch {
		case s.Choice != Peer && (s.Peer != "" || s.PeerScale != 0 || s.Params.DowntimeLimit != time.Second):
			t.Errorf("%s: %+v", name, s)
		case s.Choice == Peer && (s.Peer != name || s.PeerScale != 20 || s.Params != (vm.Params{})):
			t.Errorf("%s: %+v", name, s)
		}
	}
	for text, words := range map[string]string{
		"method: nova":                            "nova-abort",
		"method: proxmox\n  peer-scale: 0.5":      "from 1 to 1000",
		"method: pre-copy\n  peer-scale: 2":       "goes with method: qemu-default",
		"method: kubevirt-stall\n  profile: safe": "goes with method: walm",
	} {
		_, err := Parse("x.yaml", []byte("walm: 1\nname: x\nseed: 1\nrepetitions: 6\nbase:\n  "+text+"\nfactors:\n  link: [1Gbit/s, none]\n"))
		if err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%s: %v; want something about %q", text, err, words)
		}
	}
}
