package main

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"testing"
)

// TestReaderGoesAway: walm lab faults --list | head is no failure; a full disk is, and so is what goes wrong besides.
func TestReaderGoesAway(t *testing.T) {
	write := func(why error) error { return &fs.PathError{Op: "write", Path: os.Stdout.Name(), Err: why} }
	for _, tt := range []struct {
		name string
		err  error
		code int
		said bool
	}{
		{"head has enough", write(syscall.EPIPE), exitDone, false},
		{"the disk is full", write(syscall.ENOSPC), exitUsage, true},
		{"a move has failed too", errors.Join(coded{exitFailed, errors.New("it stayed")}, write(syscall.EPIPE)), exitFailed, true},
		{"another pipe", &fs.PathError{Op: "write", Path: "state", Err: syscall.EPIPE}, exitUsage, true},
	} {
		var said strings.Builder
		if code := exitCode(tt.err, &said); code != tt.code || (said.Len() > 0) != tt.said {
			t.Errorf("%s: exit code %d, %q", tt.name, code, said.String())
		}
	}
}
