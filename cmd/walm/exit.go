package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"

	"walm/decide"
	"walm/measure"
	"walm/move"
)

// Exit codes, tabled in the help of walm.
const (
	exitDone        = 0
	exitFailed      = 1
	exitUsage       = 2
	exitRefused     = 3
	exitUnknown     = 4
	exitBusy        = 5
	exitDeadline    = 124
	exitInterrupted = 130
)

const exitHelp = `Exit codes:
    0  done
    1  failed; the VM runs on where it was
    2  wrong usage, or something that is needed cannot be had: a VM, a file, root, the network
    3  refused before anything moved: a limit that no method can meet, or a finding that stands against it
    4  the VM's state needs a human: unknown, paused in post-copy, or lost
    5  another walm is moving this VM
  124  the deadline passed; the VM runs on where it was
  130  interrupted; the VM runs on where it was`

// coded is an error with its exit code.
type coded struct {
	code int
	err  error
}

func (c coded) Error() string { return c.err.Error() }
func (c coded) Unwrap() error { return c.err }

// errSaid is the error of what a command has printed already.
var errSaid = errors.New("")

func fail(code int, format string, args ...any) error {
	return coded{code, fmt.Errorf(format, args...)}
}

// interrupted is err, if it has no exit code of its own, as what Ctrl-C made of work that had not begun to move a VM.
func interrupted(err error) error {
	if c := (coded{}); err == nil || errors.As(err, &c) {
		return err
	}
	return fail(exitInterrupted, "interrupted: %w", err)
}

// exitCode prints err for people and gives its exit code. An outcome that was printed already has an empty message.
func exitCode(err error, stderr io.Writer) int {
	if err == nil || enough(err) {
		return exitDone
	}
	for line := range strings.Lines(strings.TrimSpace(err.Error())) {
		fmt.Fprintf(stderr, "walm: %s\n", strings.TrimSuffix(line, "\n"))
	}
	var c coded
	switch {
	case errors.As(err, &c):
		return c.code
	case errors.Is(err, decide.ErrNoMethod):
		return exitRefused
	}
	return exitUsage
}

// enough says that nothing is amiss but that the reader of standard output has gone away, as head does.
func enough(err error) bool {
	var pipe *fs.PathError
	return errors.As(err, &pipe) && pipe.Path == os.Stdout.Name() && errors.Is(pipe, syscall.EPIPE) && err.Error() == pipe.Error()
}

// outcome is the exit code of a move that was carried out; nil where the VM moved.
func outcome(r move.Record) error {
	switch r.Outcome.Result {
	case measure.Moved:
		return nil
	case measure.Stayed:
		return coded{exitFailed, errSaid}
	case measure.Cancelled:
		if r.DeadlinePassed() {
			return coded{exitDeadline, errSaid}
		}
		return coded{exitInterrupted, errSaid}
	}
	return coded{exitUnknown, errSaid}
}
