package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

// longest is the longest turn.
const longest = 2 * time.Minute

// smaller is how often an input that reached new code is run to find a smaller one. Go's own minute for each of them left one
// target 7 executions in 84 s of CPU.
const smaller = "100x"

// bench is where targets have their turns.
type bench struct {
	programs, corpus string
	building         *sync.Mutex
}

// ready unpacks the inputs that earlier runs kept.
func (b bench) ready() error {
	for _, dir := range []string{b.programs, b.corpus} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	return unpack(archive, b.corpus)
}

// keep packs the inputs that all runs kept.
func (b bench) keep() error { return pack(b.corpus, archive) }

func said(c *exec.Cmd) error {
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(c.Args, " "), err, bytes.TrimSpace(out))
	}
	return nil
}

// build makes the program of a package's tests, with what fuzzing needs to see which code an input reaches.
func (b bench) build(ctx context.Context, t target) (string, error) {
	b.building.Lock()
	defer b.building.Unlock()
	program := filepath.Join(b.programs, strings.ReplaceAll(t.pkg, "/", "-"))
	if _, err := os.Stat(program); err == nil {
		return program, nil
	}
	return program, said(exec.CommandContext(ctx, "go", "test", "-c", "-fuzz", ".", "-o", program, t.pkg))
}

// turn fuzzes one target for so long, with one worker, which is nearly all that takes CPU time. On a busy machine it gets less.
func (b bench) turn(ctx context.Context, t target, span time.Duration) (Turn, error) {
	turn := Turn{Package: t.pkg, Target: t.name, Commit: commit(), At: time.Now().UTC()}
	program, err := b.build(ctx, t)
	if err != nil {
		return turn, err
	}
	inputs := filepath.Join(b.corpus, t.dir)
	c := exec.CommandContext(ctx, program, "-test.run", "^$", "-test.fuzz", "^"+t.name+"$", "-test.parallel", "1",
		"-test.fuzztime", max(span, time.Second).String(), "-test.fuzzminimizetime", smaller, "-test.fuzzcachedir", inputs)
	c.Dir = t.dir
	c.Cancel = func() error { return c.Process.Signal(os.Interrupt) } // its worker ends with it
	c.WaitDelay = 10 * time.Second
	out, err := c.CombinedOutput()
	if c.ProcessState == nil {
		return turn, fmt.Errorf("fuzz %v: %w", t, err)
	}
	turn.CPU = (c.ProcessState.UserTime() + c.ProcessState.SystemTime()).Seconds()
	turn.Execs = executions(out)
	kept, _ := os.ReadDir(filepath.Join(inputs, t.name)) // none yet
	turn.Inputs = len(kept)
	if err != nil && !late(out) {
		turn.Finding = string(bytes.TrimSpace(out))
	}
	return turn, nil
}

// late says whether a fuzzer failed for nothing but the end of its time, as Go's does now and then.
func late(out []byte) bool {
	return bytes.Contains(out, []byte("\n    context deadline exceeded\n")) && !bytes.Contains(out, []byte("Failing input"))
}

var told = regexp.MustCompile(`execs: (\d+)`)

// executions is the last count that a fuzzer told.
func executions(out []byte) (n int64) {
	if all := told.FindAllSubmatch(out, -1); len(all) > 0 {
		n, _ = strconv.ParseInt(string(all[len(all)-1][1]), 10, 64)
	}
	return n
}

// commit is what is fuzzed.
func commit() string {
	out, err := exec.Command("git", "describe", "--always", "--dirty").Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}
