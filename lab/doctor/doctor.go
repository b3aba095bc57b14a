// Package doctor finds out what walm can do on this machine by trying it: it boots a guest, makes a network, reads
// another process' memory. What a device file or a kernel's configuration promises is not believed; here /dev/kvm has
// been seen to open where no guest ran. Every try is small, ends in bounded time and leaves nothing behind.
package doctor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"walm/lab/debian"
)

// Level is how bad a finding is.
type Level string

// The levels.
const (
	OK      Level = "ok"
	Note    Level = "note"    // good to know; walm works all the same
	Problem Level = "problem" // walm cannot do what the finding is against
	Unknown Level = "unknown" // it could not be tried
)

// Ability is something that a user may want walm to do on this machine.
type Ability string

// The abilities.
const (
	Watch   Ability = "watch"
	Migrate Ability = "migrate"
	RunLab  Ability = "run its lab here"
)

// Finding is one thing that was found out.
type Finding struct {
	Name    string    `json:"name"`
	Level   Level     `json:"level"`
	What    string    `json:"what"`    // what was seen
	Means   string    `json:"means"`   // what follows from it
	Mend    string    `json:"mend"`    // what to do about it
	Against []Ability `json:"against"` // what a problem stands against, and what hangs on something unknown
}

// Options says what to examine.
type Options struct {
	Cache    debian.Cache
	StateDir string            // where walm keeps journals and state files
	Fetch    bool              // fetch what the cache lacks
	Step     func(what string) // told what goes on; may be nil
}

// check is one thing to try. look returns when its context ends, give or take the time to clean up.
type check struct {
	name  string
	limit time.Duration
	look  func(context.Context, Options) []Finding
}

// checks are in the order of their findings. Limits are for a loaded machine: all of it takes 15 s on two cores, ten of
// them where KVM hangs.
func checks() []check {
	return []check{
		{"user", time.Second, user},
		{"processors", time.Second, processors},
		{"memory", time.Second, memory},
		{"clock", 5 * time.Second, clock},
		{"disk", 5 * time.Second, disk},
		{"reading memory", 10 * time.Second, observing},
		{"userfaultfd", time.Second, userfaults},
		{"network namespace", 5 * time.Second, namespaces},
		{"tap", 5 * time.Second, taps},
		{"shaped links", 20 * time.Second, links},
		{"libvirt hosts", 10 * time.Second, libvirts},
		{"packages", 15 * time.Minute, packages},
		{"QEMU", time.Minute, qemus},
		{"boot with TCG", 4 * time.Minute, bootTCG},
		{"boot with KVM", time.Minute, bootKVM},
		{"leftovers", 5 * time.Second, leftovers},
	}
}

// long is the limit of checks that are worth telling of when they begin.
const long = 20 * time.Second

// Examine tries everything, one thing after the other so that none disturbs another. When ctx ends it returns what it
// has found by then.
func Examine(ctx context.Context, o Options) []Finding {
	if o.Step == nil {
		o.Step = func(string) {}
	}
	var all []Finding
	for _, c := range checks() {
		if ctx.Err() != nil {
			break
		}
		if c.limit >= long {
			o.Step("examining: " + c.name)
		}
		all = append(all, c.run(ctx, o)...)
	}
	return all
}

// grace is how long a check may take to clean up after its time.
const grace = 15 * time.Second

// run gives up on a check that does not even end when it is told to, such as one of a disk whose server is away.
func (c check) run(ctx context.Context, o Options) []Finding {
	ctx, cancel := context.WithTimeout(ctx, c.limit)
	defer cancel()
	done := make(chan []Finding, 1)
	go func() { done <- c.look(ctx, o) }()
	select {
	case found := <-done:
		return found
	case <-ctx.Done():
	}
	select {
	case found := <-done:
		return found
	case <-time.After(grace):
	}
	return []Finding{{Name: c.name, Level: Problem, Against: []Ability{RunLab},
		What:  fmt.Sprintf("trying it did not end in %v", c.limit+grace),
		Means: "the kernel or a disk holds a call of walm's and does not return",
		Mend:  "look at the end of dmesg"}}
}

// broken is the finding for something that could not be tried.
func broken(name string, err error, against ...Ability) Finding {
	means := "it is not known whether this works"
	if errors.Is(err, context.DeadlineExceeded) {
		means = "it took longer than a busy machine should need: it is not known whether this works"
	}
	return Finding{Name: name, Level: Unknown, What: err.Error(), Means: means, Against: against}
}

// Verdict says whether walm can do something here, and what stands against it.
type Verdict struct {
	Ability Ability  `json:"ability"`
	Yes     bool     `json:"yes"`
	Because []string `json:"because"` // of these problems
	Unknown []string `json:"unknown"` // what hangs on things that could not be tried
}

// Verdicts is the summary of findings.
func Verdicts(findings []Finding) []Verdict {
	var all []Verdict
	for _, a := range []Ability{Watch, Migrate, RunLab} {
		v := Verdict{Ability: a, Yes: true, Because: []string{}, Unknown: []string{}}
		for _, f := range findings {
			switch {
			case !slices.Contains(f.Against, a):
			case f.Level == Unknown:
				v.Unknown = append(v.Unknown, f.Name)
			default:
				v.Yes, v.Because = false, append(v.Because, f.Name)
			}
		}
		all = append(all, v)
	}
	return all
}
