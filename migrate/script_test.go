package migrate

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"walm/decide"
	"walm/vm"
)

var rewrite = flag.Bool("rewrite", false, "rewrite testdata/*.txt; only commit what you understand")

// TestScripts plays testdata/*.txt: lines at the margin are events, indented ones the state, its reason where it is
// new, and the acts that follow.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no scripts", err)
	}
	for _, f := range files {
		t.Run(strings.TrimSuffix(filepath.Base(f), ".txt"), func(t *testing.T) {
			want, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			got := play(t, string(want))
			if *rewrite {
				if err := os.WriteFile(f, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			} else if got != string(want) {
				t.Errorf("got\n%s", got)
			}
		})
	}
}

func play(t *testing.T, script string) string {
	var out strings.Builder
	var m *Machine
	var next decide.Adjustment // what Adjust will say
	now, reason := start, ""
	for line := range strings.Lines(script) {
		if strings.HasPrefix(line, "  ") {
			continue
		}
		out.WriteString(line)
		w := strings.Fields(line)
		if len(w) == 0 || w[0] == "#" {
			continue
		}
		switch w[0] {
		case "plan":
			p := decide.Plan{Method: vm.Method(w[1]), Params: vm.DefaultParams(vm.Method(w[1]))}
			p.Params.Postcopy = len(w) > 2 && w[2] == "armed"
			m = New(p, func(time.Time, decide.History) decide.Adjustment { return next })
			if len(w) > 3 && w[2] == "polled" {
				m.Poll, _ = time.ParseDuration(w[3])
			}
			if len(w) > 3 && w[2] == "taken-up-for" {
				m.TakeUp, _ = time.ParseDuration(w[3])
			}
			continue
		case "recovery":
			m = Recovery(Last{})
			continue
		case "after":
			d, err := time.ParseDuration(w[1])
			if err != nil {
				t.Fatal(err)
			}
			now = now.Add(d)
			continue
		case "adjust":
			next = decide.Adjustment{Move: decide.Move(strings.Join(w[1:], " ")), Limit: time.Second, Reason: "so it was decided"}
			continue
		}
		acts := m.Step(now, scripted(t, w))
		fmt.Fprintf(&out, "  %s", m.State())
		if m.Reason() != reason {
			reason = m.Reason()
			fmt.Fprintf(&out, ": %s", reason)
		}
		out.WriteString("\n")
		for _, a := range acts {
			fmt.Fprintf(&out, "    → %s", a.Kind)
			if a.Kind == vm.ActLimit {
				fmt.Fprintf(&out, " %s", a.Params.DowntimeLimit)
			}
			out.WriteString("\n")
		}
	}
	if r := m.Refused(); r != "" {
		t.Log("refused:", r)
	}
	return out.String()
}

// scripted makes an event of a line's words.
func scripted(t *testing.T, w []string) Event {
	rest := func(n int) string { return strings.Join(w[min(n, len(w)):], " ") }
	switch w[0] {
	case "begin":
		return Begin{}
	case "tick":
		return Tick{}
	case "interrupt":
		return Interrupt{Why: rest(1)}
	case "refused":
		return Refused{Act: vm.Act{Kind: vm.ActKind(w[1])}, Err: rest(2), Never: rest(2) == "unsupported operation"}
	case "looked": // SOURCE DESTINATION, each RUN/STATUS or "?"
		end := func(s string) vm.End {
			run, status, _ := strings.Cut(strings.Trim(s, "?"), "/")
			return vm.End{Run: vm.RunState(run), Status: vm.Status(status)}
		}
		return Looked{vm.Ends{Source: end(w[1]), Destination: end(w[2])}}
	}
	e := vm.Event{Side: vm.Side(w[0]), Kind: vm.EventKind(w[1])}
	switch e.Kind {
	case vm.EventStatus:
		e.Status, e.Err = vm.Status(w[2]), rest(3)
	case vm.EventDone:
		e.Act.Kind, e.Err = vm.ActKind(w[2]), rest(3)
	case vm.EventPass:
		e.Pass, _ = strconv.Atoi(w[2])
		e.Progress = &vm.Progress{Pass: e.Pass, Remaining: 100 * vm.MiB}
		if rest(3) == "without reading" {
			e.Progress = nil
		}
	case vm.EventProgress:
		n, _ := strconv.Atoi(w[2])
		e.Progress = &vm.Progress{Pass: n, Remaining: 100 * vm.MiB}
		if len(w) > 3 {
			sent, _ := strconv.Atoi(w[3])
			e.Progress.Transferred = vm.Bytes(sent) * vm.MiB
		}
	case vm.EventLost:
		e.Err = rest(2)
	case vm.EventStop, vm.EventResume, vm.EventPanic:
	default:
		t.Fatalf("unknown event %q", w)
	}
	return Seen{e}
}
