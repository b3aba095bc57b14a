// Command guestperf races walm's lab against QEMU's guestperf on guestperf's own scenario, turn by turn, and tells how
// many trials each does in an hour.
//
//	go run ./studies/guestperf -turns 3 -- python3 guestperf.py --binary … --kernel … --initrd … --mem 1 --transport unix
//
// What follows -- is one run of guestperf, with its defaults otherwise. Turns are added to race.jsonl.
package main

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"time"

	"walm/lab/experiment"
	"walm/lab/results"
	"walm/lab/trial"
	"walm/move"
	"walm/stats"
	"walm/studies/kept"
)

//go:embed scenario.yaml
var scenario []byte

// Turn is one turn of either.
type Turn struct {
	At     time.Time
	Who    string // "guestperf" or "walm"
	Trials int    // that ended with a result
	Took   time.Duration
	Load   string          // the machine's load averages at its start
	TMT    []time.Duration `json:",omitempty"`
	Good   int             // of walm's: the guest alive and its memory as it was written; guestperf does not look
}

func main() {
	turns := flag.Int("turns", 3, "turns of each")
	file := flag.String("results", "studies/guestperf/race.jsonl", "where turns are added")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := race(ctx, *turns, *file, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "guestperf:", err)
		os.Exit(1)
	}
}

func race(ctx context.Context, turns int, file string, command []string) error {
	for range turns {
		if len(command) == 0 {
			break
		}
		for _, take := range []func(context.Context, []string) (Turn, error){guestperf, walm} {
			t, err := take(ctx, command)
			if err != nil {
				return err
			}
			fmt.Fprintf(os.Stderr, "%s: %d in %v\n", t.Who, t.Trials, t.Took.Round(time.Second))
			if err := kept.Add(file, t); err != nil {
				return err
			}
		}
	}
	return tell(file)
}

func begin(who string) Turn {
	text, _ := os.ReadFile("/proc/loadavg")
	return Turn{At: time.Now().UTC().Truncate(time.Second), Who: who, Load: string(bytes.TrimSpace(text))}
}

func guestperf(ctx context.Context, command []string) (Turn, error) {
	t := begin("guestperf")
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Stderr = os.Stderr
	began := time.Now()
	out, err := cmd.Output()
	t.Took = time.Since(began)
	if err != nil {
		return t, fmt.Errorf("run guestperf: %w", err)
	}
	var report struct {
		Result   struct{ Success bool }
		Progress []struct{ Duration int } `json:"progress_history"`
	}
	if err := json.Unmarshal(out, &report); err != nil {
		return t, fmt.Errorf("read guestperf's report: %w", err)
	}
	if report.Result.Success && len(report.Progress) > 0 {
		t.Trials = 1
		t.TMT = []time.Duration{time.Duration(report.Progress[len(report.Progress)-1].Duration) * time.Millisecond}
	}
	return t, nil
}

// walm runs the scenario's trials, with the boot of the guest and the end of the lab in its time.
func walm(ctx context.Context, _ []string) (t Turn, err error) {
	t = begin("walm")
	dir, err := os.MkdirTemp("", "walm-race-")
	if err != nil {
		return t, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	x, err := experiment.Parse("scenario.yaml", scenario)
	if err != nil {
		return t, err
	}
	began := time.Now()
	into, plan, err := trial.Open(filepath.Join(dir, "race.jsonl"), x, scenario, "race", trial.ThisMachine())
	if err != nil {
		return t, err
	}
	defer into.Close()
	err = trial.Run(ctx, plan, into, trial.Watch{End: func(r results.Trial, _ move.Record) error {
		if r.Status != results.Done && r.Status != results.Censored {
			return fmt.Errorf("trial %d: %s: %s", r.N, r.Status, r.Why)
		}
		t.Trials++
		t.TMT = append(t.TMT, r.Outcome.TMT)
		if r.Status == results.Done {
			t.Good++
		}
		return nil
	}})
	t.Took = time.Since(began)
	return t, err
}

// tell prints trials per hour, turn by turn as pairs.
func tell(file string) error {
	turns, err := kept.Load[Turn](file)
	if err != nil {
		return err
	}
	rates := map[string]stats.Sample{}
	for _, t := range turns {
		rates[t.Who] = append(rates[t.Who], float64(t.Trials)/t.Took.Hours())
	}
	for _, who := range []string{"guestperf", "walm"} {
		e := rates[who].MedianInterval(0.95, 1)
		fmt.Printf("%-10s %4.0f trials an hour (%.0f–%.0f), n = %d turns\n", who, e.Mid, e.Lo, e.Hi, e.N)
	}
	n := min(len(rates["guestperf"]), len(rates["walm"]))
	c, err := stats.Compare(rates["guestperf"][:n], rates["walm"][:n], stats.Ratio, 0.95, 1)
	if err != nil {
		return err
	}
	fmt.Printf("walm does %.2f times as many (%.2f–%.2f), n = %d pairs\n", c.Mid, c.Lo, c.Hi, c.N)
	return nil
}
