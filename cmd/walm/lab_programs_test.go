//go:build lab

package main

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/vishvananda/netlink"
)

type runsKey struct{}

// background is a program that a script has started: what it prints goes into NAME.out and NAME.err.
type background struct {
	cmd  *exec.Cmd
	done chan error
}

// start NAME PROGRAM ARG... starts a program; $NAME_PID is its process.
func start(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: start NAME PROGRAM ARG...")
	}
	name := args[0]
	out, err := os.Create(ts.MkAbs(name + ".out"))
	ts.Check(err)
	defer out.Close()
	complaints, err := os.Create(ts.MkAbs(name + ".err"))
	ts.Check(err)
	defer complaints.Close()
	r := &background{cmd: exec.Command(args[1], args[2:]...), done: make(chan error, 1)}
	r.cmd.Dir, r.cmd.Env, r.cmd.Stdout, r.cmd.Stderr = ts.MkAbs("."), environ(ts), out, complaints
	ts.Check(r.cmd.Start())
	go func() { r.done <- r.cmd.Wait() }()
	ts.Defer(func() { _ = r.cmd.Process.Kill() })
	ts.Setenv(name+"_PID", strconv.Itoa(r.cmd.Process.Pid))
	ts.Value(runsKey{}).(map[string]*background)[name] = r
}

// until FILE PATTERN waits until a file has what matches.
func until(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: until FILE PATTERN")
	}
	want := regexp.MustCompile("(?m)" + args[1])
	var text []byte
	if !within(time.Minute, func() bool {
		text, _ = os.ReadFile(ts.MkAbs(args[0]))
		return want.Match(text)
	}) {
		ts.Fatalf("%s has nothing that matches %q:\n%s", args[0], args[1], text)
	}
}

// ended CODE NAME waits for a program's end and its exit code.
func runEnded(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: ended CODE NAME")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	r := ts.Value(runsKey{}).(map[string]*background)[args[1]]
	select {
	case err = <-r.done:
	case <-time.After(4 * time.Minute):
		ts.Fatalf("%s does not end; it said:\n%s", args[1], ts.ReadFile(args[1]+".err"))
	}
	if got := exitStatus(err); got != want {
		ts.Fatalf("%s exited with %d (%v), want %d; it said:\n%s%s", args[1], got, err, want, ts.ReadFile(args[1]+".out"),
			ts.ReadFile(args[1]+".err"))
	}
}

// within asks again and again, until it holds or time has run out.
func within(patience time.Duration, holds func() bool) bool {
	late := time.After(patience)
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for !holds() {
		select {
		case <-late:
			return false
		case <-again.C:
		}
	}
	return true
}

// as USER CODE PROGRAM ARG... runs a program with another user's rights alone.
func as(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: as UID CODE PROGRAM ARG...")
	}
	uid, err := strconv.ParseUint(args[0], 10, 32)
	ts.Check(err)
	path, err := exec.LookPath(args[2])
	ts.Check(err)
	for _, dir := range []string{filepath.Dir(path), ts.Getenv("WORK")} {
		for ; dir != os.TempDir(); dir = filepath.Dir(dir) {
			ts.Check(os.Chmod(dir, 0o755))
		}
	}
	cmd := exec.Command(path, args[3:]...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}}
	cmd.Dir, cmd.Env = "/", environ(ts)
	out, err := cmd.CombinedOutput()
	ts.Check(os.WriteFile(ts.MkAbs("said"), out, 0o666))
	if got := strconv.Itoa(exitStatus(err)); got != args[1] {
		ts.Fatalf("%v exited with %s (%v), want %s: %s", args[2:], got, err, args[1], out)
	}
}

// cut breaks every connection to $LISTEN, as a router does that has forgotten it.
func cut(ts *testscript.TestScript, neg bool, args []string) {
	_, text, err := net.SplitHostPort(ts.Getenv("LISTEN"))
	ts.Check(err)
	port, err := strconv.Atoi(text)
	ts.Check(err)
	broken := 0
	sockets, err := netlink.SocketDiagTCP(syscall.AF_INET)
	ts.Check(err)
	for _, s := range sockets {
		if int(s.ID.DestinationPort) != port && int(s.ID.SourcePort) != port || s.State != netlink.TCP_ESTABLISHED {
			continue
		}
		here := &net.TCPAddr{IP: s.ID.Source, Port: int(s.ID.SourcePort)}
		there := &net.TCPAddr{IP: s.ID.Destination, Port: int(s.ID.DestinationPort)}
		if netlink.SocketDestroy(here, there) == nil {
			broken++
		}
	}
	if broken == 0 {
		ts.Fatalf("no connection to port %d to cut", port)
	}
}

// taken listens on $LISTEN until the script ends.
func occupied(ts *testscript.TestScript, neg bool, args []string) {
	l, err := net.Listen("tcp", ts.Getenv("LISTEN"))
	ts.Check(err)
	ts.Defer(func() { l.Close() })
}
