package main

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"walm/hypervisor/libvirt/rpc/rpctest"
	"walm/journal"
)

// TestScripts runs walm as a user does, without root and without QEMU.
func TestScripts(t *testing.T) {
	t.Parallel()
	cmds := commands()
	cmds["vm"], cmds["socket"], cmds["claimed"], cmds["terminal"] = startFakes, makeSocket, claimed, terminal
	cmds["libvirt"] = startLibvirt
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script", WorkdirRoot: t.TempDir(), Cmds: cmds, Setup: setup, RequireExplicitExec: true, RequireUniqueNames: true,
	})
}

func setup(env *testscript.Env) error {
	env.Values["libvirts"] = &libvirts{all: map[string]*rpctest.Server{}}
	env.Setenv("WALM_STATE", filepath.Join(env.WorkDir, "state"))
	env.Setenv("LISTEN", freeAddress())
	env.Setenv("WALM_CACHE", filepath.Join(env.WorkDir, "cache"))
	madeUp, err := filepath.Abs("../../lab/figures/testdata/made-up.jsonl")
	env.Setenv("MADEUP", madeUp) // results of an experiment that was never run
	return err
}

// startFakes SETTING... starts a fake VM and one that waits for it, the latter with the settings, as $VM and $TO.
func startFakes(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("unsupported: ! vm")
	}
	var own, others []string
	for _, a := range args {
		if a == "stopped" || strings.HasPrefix(a, "hangs-up=") {
			own = append(own, a)
		} else {
			others = append(others, a)
		}
	}
	if len(others) == 0 {
		others = []string{"waits"}
	}
	from, to := filepath.Join(ts.MkAbs("."), "a.qmp"), filepath.Join(ts.MkAbs("."), "b.qmp")
	for socket, settings := range map[string][]string{from: own, to: others} {
		_ = os.Remove(socket) // of a fake before it
		stop, err := startFake(socket, settings)
		ts.Check(err)
		ts.Defer(stop)
	}
	ts.Setenv("VM", "qmp+unix://"+from)
	ts.Setenv("TO", "qmp+unix://"+to)
	ts.Setenv("JOURNAL", filepath.Base(journal.Path("", journalName(from))))
}

// startFake starts a fake QEMU as a process of its own, since walm tells VMs apart by theirs.
func startFake(socket string, settings []string) (stop func(), err error) {
	cmd := exec.Command("fakeqemu", append([]string{socket}, settings...)...)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	stop = func() {
		in.Close()
		_ = cmd.Wait()
	}
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		stop()
		return nil, fmt.Errorf("the fake has not begun: %w", err)
	}
	return stop, nil
}

// freeAddress is an address that nobody listens on. Its port is none of those that the kernel gives away by itself, from
// 32768 on: a script that runs at the same time could get it before this one uses it.
func freeAddress() string {
	for {
		address := fmt.Sprintf("127.0.0.1:%d", 20000+rand.IntN(10000))
		if l, err := net.Listen("tcp", address); err == nil {
			l.Close()
			return address
		}
	}
}

// makeSocket KIND FILE makes a socket behind which there is no QEMU: of a server that has ended ("dead"), of one that
// speaks something else ("garbage"), or of one that says nothing, as a QEMU does that is stopped ("silent").
func makeSocket(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: socket dead|garbage|silent FILE")
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: ts.MkAbs(args[1]), Net: "unix"})
	ts.Check(err)
	if args[0] == "dead" {
		l.SetUnlinkOnClose(false)
		ts.Check(l.Close())
		return
	}
	ts.Defer(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			if args[0] == "garbage" {
				fmt.Fprint(c, "220 mail.example ESMTP\r\n")
			}
			go func() {
				_, _ = io.Copy(io.Discard, c)
				c.Close()
			}()
		}
	}()
}

// claimed holds $VM as another walm would.
func claimed(ts *testscript.TestScript, neg bool, args []string) {
	path, err := socketOf(ts.Getenv("VM"))
	ts.Check(err)
	j, err := journal.Open(ts.Getenv("WALM_STATE"), journalName(path))
	ts.Check(err)
	ts.Defer(func() { j.Close() })
}
