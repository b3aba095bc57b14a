package faults

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"walm/internal/procfs"
	"walm/vm"
)

// Word is what walm said with its end.
type Word struct {
	Exit   int      `json:"exit"` // -1: it was killed
	Claim  Claim    `json:"claim"`
	Lines  []string `json:"lines,omitempty"` // its last ones
	Took   float64  `json:"seconds"`
	Killed bool     `json:"killed,omitempty"` // by the tester
	RSS    vm.Bytes `json:"rss,omitempty"`    // most that it had resident
}

// Claim is what its word means for the VM.
type Claim string

// The claims.
const (
	Moved   Claim = "moved"   // it runs at the destination
	Stayed  Claim = "stayed"  // it runs at the source
	Refused Claim = "refused" // nothing was moved, for something is missing: nothing is said of the VM
	Unsure  Claim = "unsure"  // a human is to look
	Between Claim = "between" // post-copy was interrupted
	LostVM  Claim = "lost"
	Silent  Claim = "silent" // walm was killed, or did not end
)

// program is a walm under way.
type program struct {
	cmd   *exec.Cmd
	began time.Time
	ended chan struct{}
	err   error  // of Wait, once ended is closed
	clock *clock // nil: the machine's

	mu    sync.Mutex
	lines []string
	steps []string
	most  vm.Bytes // that it had resident when it said something: what the kernel tells at its end is its parent's, if that had more
}

// run starts walm.
func (b *Bench) run(args ...string) (*program, error) {
	return b.runBy(func(p *program) error { return b.start("", p.cmd) }, args...)
}

// runSkewed starts walm with a wall clock that can be set.
func (b *Bench) runSkewed(args ...string) (*program, error) {
	return b.runBy(func(p *program) error {
		return b.do(func() (err error) {
			p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
			p.clock, err = skewed(p.cmd)
			return err
		})
	}, args...)
}

func (b *Bench) runBy(start func(*program) error, args ...string) (*program, error) {
	p := &program{cmd: exec.Command(b.spec.Walm, args...), began: time.Now(), ended: make(chan struct{})}
	p.cmd.Args[0] = "walm"
	p.cmd.Env = append(p.cmd.Environ(), "WALM_CACHE="+b.spec.Cache.Dir)
	said, err := p.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := start(p); err != nil {
		return nil, err
	}
	go func() {
		r := bufio.NewScanner(said)
		r.Buffer(nil, 1<<20)
		for r.Scan() {
			p.said(r.Text())
		}
		p.err = p.cmd.Wait()
		close(p.ended)
	}()
	return p, nil
}

func (p *program) said(line string) {
	var l struct{ Kind, Step string }
	resident, _ := procfs.Resident(p.cmd.Process.Pid) // 0 of one that has ended
	p.mu.Lock()
	defer p.mu.Unlock()
	p.most = max(p.most, vm.Bytes(resident))
	if json.Unmarshal([]byte(line), &l) == nil && l.Kind != "" {
		if l.Kind == "step" {
			p.steps = append(p.steps, l.Step)
		}
		return
	}
	p.lines = append(p.lines, line)
}

// step says whether walm has begun a step whose name holds a word.
func (p *program) step(word string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range p.steps {
		if strings.Contains(s, word) {
			return true
		}
	}
	return false
}

func (p *program) over() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

func (p *program) signal(s syscall.Signal) error {
	if p.over() {
		return nil
	}
	return syscall.Kill(p.cmd.Process.Pid, s)
}

// await waits for walm's end and takes its word. One that does not end within patience is killed.
func (p *program) await(ctx context.Context, patience time.Duration) Word {
	late := time.NewTimer(patience)
	defer late.Stop()
	killed := false
	select {
	case <-p.ended:
	case <-late.C:
		killed = true
	case <-ctx.Done():
		killed = true
	}
	if killed {
		_ = syscall.Kill(p.cmd.Process.Pid, syscall.SIGKILL)
		<-p.ended
	}
	return p.word(killed)
}

func (p *program) word(killed bool) Word {
	w := Word{Took: time.Since(p.began).Seconds(), Killed: killed}
	var exit *exec.ExitError
	if errors.As(p.err, &exit) {
		w.Exit = exit.ExitCode()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	w.RSS = p.most
	w.Lines = p.lines[max(0, len(p.lines)-6):]
	w.Claim = claim(w.Exit, strings.Join(p.lines, "\n"))
	return w
}

// claim reads an exit code, and where that says that a human must look, the words beside it.
func claim(exit int, text string) Claim {
	switch exit {
	case 0:
		return Moved
	case 1, 124, 130:
		return Stayed
	case 2, 3, 5:
		if strings.Contains(text, "the VM has moved; but") {
			return Moved
		}
		return Refused
	case 4:
		switch {
		case strings.Contains(text, "the VM is lost"):
			return LostVM
		case strings.Contains(text, "paused between two hosts"):
			return Between
		}
		return Unsure
	}
	return Silent
}
