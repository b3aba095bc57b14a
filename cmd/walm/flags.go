package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"walm/decide"
	"walm/vm"
)

// value is a flag that is parsed by a function, so that a wrong one is named before anything begins.
type value[T any] struct {
	to    *T
	parse func(string) (T, error)
	kind  string
	text  string
}

func (v *value[T]) String() string { return v.text }
func (v *value[T]) Type() string   { return v.kind }
func (v *value[T]) Set(s string) error {
	x, err := v.parse(s)
	if err == nil {
		*v.to, v.text = x, s
	}
	return err
}

// parsed adds a flag; its name may have a letter behind a comma.
func parsed[T any](fs *pflag.FlagSet, to *T, name, kind, initial, usage string, parse func(string) (T, error)) {
	v := &value[T]{to: to, parse: parse, kind: kind}
	if initial != "" {
		if err := v.Set(initial); err != nil {
			panic(err) // a default that does not parse is a mistake in this program
		}
	}
	long, short, _ := strings.Cut(name, ",")
	fs.VarP(v, long, short, usage)
}

// positive reads a duration above zero, such as 500ms.
func positive(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	switch {
	case err != nil:
		return 0, fmt.Errorf("%q is not a time with a unit, such as 500ms or 2m", s)
	case d <= 0:
		return 0, fmt.Errorf("%q is not above zero", s)
	case d > 30*24*time.Hour:
		return 0, fmt.Errorf("%q is longer than a month", s)
	}
	return d, nil
}

// percent reads a share such as 30%.
func percent(s string) (float64, error) {
	n, ok := strings.CutSuffix(strings.TrimSpace(s), "%")
	x, err := strconv.ParseFloat(n, 64)
	if !ok || err != nil || !(x > 0 && x <= 100) {
		return 0, fmt.Errorf("%q is not a share above 0%% and up to 100%%, such as 30%%", s)
	}
	return x / 100, nil
}

// slowest is the least bandwidth that is taken for meant. QEMU is told whole bytes per second, and 0 is no cap at all.
const slowest vm.Rate = 1000

func rate(s string) (vm.Rate, error) {
	r, err := vm.ParseRate(s)
	if err == nil && r < slowest {
		return 0, fmt.Errorf("%q is less than %v", s, slowest)
	}
	return r, err
}

// size reads an amount of memory above zero.
func size(s string) (vm.Bytes, error) {
	b, err := vm.ParseBytes(s)
	if err == nil && b <= 0 {
		return 0, fmt.Errorf("%q is not above zero", s)
	}
	return b, err
}

// writable makes sure before anything begins that a file can be written, and leaves it as it was. No name is no file.
func writable(path string) error {
	if path == "" {
		return nil
	}
	_, missing := os.Lstat(path)
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o666)
	if err != nil {
		return fmt.Errorf("--html: %w", err)
	}
	err = f.Close()
	if errors.Is(missing, fs.ErrNotExist) {
		err = errors.Join(err, os.Remove(path))
	}
	return err
}

// takeUpFlag is for how long an interrupted post-copy is tried to be taken up again.
func takeUpFlag(fs *pflag.FlagSet, to *time.Duration) {
	parsed(fs, to, "recover-within", "TIME", "10m",
		"for how long a post-copy that the network interrupts is tried to be taken up\nagain, until Ctrl-C, and six times as long where the destination does not answer\n(it may hang on a missing page, and then this walm alone reaches it); 0: not at all", func(s string) (time.Duration, error) {
			if s == "0" {
				return 0, nil
			}
			return positive(s)
		})
}

// method reads --method; auto is the empty method.
func method(s string) (vm.Method, error) {
	if s == "auto" {
		return "", nil
	}
	m, err := vm.ParseMethod(s)
	if err != nil {
		return "", fmt.Errorf("%w, or auto", err)
	}
	return m, nil
}

// policyFlags are the flags that say what a user wants of a move.
func policyFlags(fs *pflag.FlagSet, p *decide.Policy) {
	parsed(fs, &p.Method, "method", "METHOD", "auto",
		"auto, offline, stop-and-copy, pre-copy, auto-converge, post-copy or hybrid", method)
	parsed(fs, &p.Profile, "profile", "PROFILE", string(decide.Balanced),
		"what matters most: balanced, evacuate, gentle or safe", decide.ParseProfile)
	parsed(fs, &p.Weights, "weights", "LIST", "",
		"the profile's weights in your own numbers: seconds of cost per second of each,\nand per GiB sent, such as loss=1,tmt=0.1,dt=0,bytes=0", weights)
	parsed(fs, &p.MaxDowntime, "max-downtime", "TIME", "", "no method that may stop the VM for longer", positive)
	parsed(fs, &p.Deadline, "deadline", "TIME", "", "no method that may take longer in all", positive)
	parsed(fs, &p.MaxSlowdown, "max-slowdown", "SHARE", "", "no method that may slow the running VM by more, such as 30%", percent)
	fs.BoolVar(&p.NoPostcopy, "no-post-copy", false, "no method that cannot be aborted to the end")
}

func weights(s string) (*decide.Weights, error) {
	w, err := decide.ParseWeights(s)
	return &w, err
}

// tuneFlags are the flags that set a method's parameters by hand.
func tuneFlags(fs *pflag.FlagSet, t *vm.Params, noPreempt *bool, rate func(string) (vm.Rate, error)) {
	parsed(fs, &t.Bandwidth, "bandwidth", "RATE", "", "cap while the VM runs, such as 500Mbit/s (default: none)", rate)
	parsed(fs, &t.Switchover, "switchover-bandwidth", "RATE", "",
		"what the link carries once the VM stands still, for a downtime limit to be\nreckoned with (QEMU 8.2; default: what the stream reaches, under its cap)", rate)
	parsed(fs, &t.PostcopyBandwidth, "postcopy-bandwidth", "RATE", "", "cap on post-copy's background stream (default: none)", rate)
	parsed(fs, &t.Passes, "passes", "N", "", "hybrid: pre-copy passes before the switch (default 1)", count)
	parsed(fs, &t.Multifd, "multifd", "N", "", "parallel channels for pre-copy (default: one stream; several can hang QEMU when the move is cancelled)", count)
	parsed(fs, &t.Compression, "compression", "NAME", "", "how what channels carry is packed: zstd, zlib or none (default: zstd where it pays)", packing)
	fs.BoolVar(noPreempt, "no-preempt", false, "post-copy without a channel of its own for faulted pages")
}

// unpacked is what --compression none leaves in the parameters.
const unpacked vm.Compression = "none"

func packing(s string) (vm.Compression, error) {
	c, err := vm.ParseCompression(s)
	return cmp.Or(c, unpacked), err
}

// bareRate reads a rate, and a bare number as MiB/s, as virsh does for domains; bare says that one was given.
func bareRate(bare *bool) func(string) (vm.Rate, error) {
	return func(s string) (vm.Rate, error) {
		if n, err := strconv.ParseUint(s, 10, 32); err == nil && n > 0 {
			*bare = true
			return vm.Rate(n) * vm.Rate(vm.MiB), nil
		}
		return rate(s)
	}
}

// count reads a whole number from 1 to 255, which is as many as QEMU takes of anything that is counted.
func count(s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > 255 {
		return 0, fmt.Errorf("%q is not a whole number from 1 to 255", s)
	}
	return n, nil
}
