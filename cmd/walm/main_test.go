package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	if err := flag.Set("test.parallel", strconv.Itoa(together)); err != nil {
		panic(err)
	}
	// A SIGHUP that this process was told to ignore (nohup) would be ignored by every walm that it starts, too.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP)
	testscript.Main(m, map[string]func(){"walm": main, "fakeqemu": fakeQEMU})
}

// commands are those that all scripts have beside testscript's own.
func commands() map[string]func(*testscript.TestScript, bool, []string) {
	return map[string]func(*testscript.TestScript, bool, []string){
		"exits":     exits,
		"document":  document,
		"jsonlines": jsonLines,
	}
}

// exits CODE PROGRAM ARG... runs a program that is to end with that exit code.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM ARG...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	if got := exitStatus(err); got != want {
		ts.Fatalf("%s exited with %d, want %d (%v)", strings.Join(args[1:], " "), got, want, err)
	}
}

func exitStatus(err error) int {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.ExitCode()
	}
	return -1
}

// document SCHEMA FILE checks that a file, or stdout, is nothing but one JSON document of that schema, version 1.
func document(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: document SCHEMA FILE")
	}
	var head struct {
		Schema  string
		Version int
	}
	if err := json.Unmarshal([]byte(ts.ReadFile(args[1])), &head); err != nil {
		ts.Fatalf("%s: %v", args[1], err)
	}
	if head.Schema != args[0] || head.Version != 1 {
		ts.Fatalf("%s is %s version %d, want %s version 1", args[1], head.Schema, head.Version, args[0])
	}
}

// jsonlines FILE KIND... checks that each line of a file that is not walm's own message is a JSON document, and that
// every kind is among them.
func jsonLines(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: jsonlines FILE KIND...")
	}
	seen := map[string]bool{}
	for line := range strings.Lines(ts.ReadFile(args[0])) {
		if strings.HasPrefix(line, "walm: ") {
			continue
		}
		var l struct{ Kind string }
		d := json.NewDecoder(bytes.NewBufferString(line))
		if err := d.Decode(&l); err != nil {
			ts.Fatalf("%s: %q: %v", args[0], line, err)
		}
		seen[l.Kind] = true
	}
	for _, kind := range args[1:] {
		if !seen[kind] {
			ts.Fatalf("%s has no line of kind %q, only %v", args[0], kind, seen)
		}
	}
}
