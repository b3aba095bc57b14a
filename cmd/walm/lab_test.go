//go:build lab

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"walm/hypervisor/qemu"
	"walm/lab/debian"
	"walm/lab/guest"
	"walm/lab/guest/wire"
	"walm/vm"
)

// TestLab runs walm on real QEMUs with real guests, started without networks of their own: migrations go over loopback,
// at the speed that --bandwidth gives them.
func TestLab(t *testing.T) {
	b := newBench(t)
	cmds := commands()
	cmds["boot"], cmds["monitor"], cmds["verify"], cmds["ends"], cmds["talks"] = b.boot, b.monitor, b.verify, b.ends, talks
	cmds["start"], cmds["until"], cmds["ended"] = start, until, runEnded
	cmds["with"], cmds["listeners"] = with, listeners
	cmds["as"], cmds["cut"], cmds["taken"], cmds["terminal"] = as, cut, occupied, terminal
	testscript.Run(t, testscript.Params{
		Dir: "testdata/lab", WorkdirRoot: t.TempDir(), Cmds: cmds, RequireExplicitExec: true, RequireUniqueNames: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("WALM_STATE", filepath.Join(env.WorkDir, "state"))
			env.Setenv("WALM_CACHE", b.cache.Dir)
			env.Setenv("LISTEN", freeAddress())
			env.Values[runsKey{}] = map[string]*background{}
			env.Values[machinesKey{}] = map[string]*machine{}
			return os.MkdirAll(filepath.Join(env.WorkDir, ".tmp"), 0o777)
		},
	})
}

// together is how many scripts run at once: each has real guests, and two cores are few.
const together = 4

// bench starts QEMUs, from one thread that lasts as long as the test: they are to die with it.
type bench struct {
	cache  debian.Cache
	kernel debian.Kernel
	initrd string
	work   chan func()
}

func newBench(t *testing.T) *bench {
	cache, err := debian.DefaultCache()
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{cache: cache, initrd: filepath.Join(t.TempDir(), "initrd"), work: make(chan func())}
	if b.kernel, err = cache.Kernel(t.Context(), func(s string) { t.Log(s) }); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(b.initrd)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(guest.Image(b.kernel.Modules, f), f.Close()); err != nil {
		t.Fatal(err)
	}
	go func() {
		runtime.LockOSThread()
		for f := range b.work {
			f()
		}
	}()
	t.Cleanup(func() { close(b.work) })
	return b
}

type machinesKey struct{}

// machine is a QEMU with its guest's control port, and a second monitor for the script.
type machine struct {
	control *guest.Control
	monitor string
}

func machineOf(ts *testscript.TestScript, name string) *machine {
	m := ts.Value(machinesKey{}).(map[string]*machine)[name]
	if m == nil {
		ts.Fatalf("no machine %s has been booted", name)
	}
	return m
}

// boot NAME SETTING... starts a QEMU, and waits until its guest works, unless it "waits" for a migration. $NAME is its
// URI and $NAME_PID its process. Settings: waits, qemu=7.2, load=WORKLOAD, ram=SIZE, machine=TYPE, append=WORDS.
func (b *bench) boot(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: boot NAME SETTING...")
	}
	name := args[0]
	workload, err := guest.ParseWorkload("random:wset=32MiB,rate=500")
	ts.Check(err)
	suite := debian.Backports
	c := qemu.Config{Name: name, Machine: "pc-q35-7.2", Accelerator: "tcg", CPU: "qemu64", VCPUs: 1, RAM: 192*vm.MiB + 8*vm.KiB,
		Kernel: b.kernel.Image, Initrd: b.initrd}
	more, owner := "", ""
	for _, s := range args[1:] {
		key, value, _ := strings.Cut(s, "=")
		switch key {
		case "waits":
			c.Incoming = true
		case "qemu":
			suite, err = parseSuite(value)
		case "load":
			workload, err = guest.ParseWorkload(value)
		case "ram":
			c.RAM, err = vm.ParseBytes(value)
		case "machine":
			c.Machine = value
		case "append":
			more = " " + value
		case "user":
			owner = value
		default:
			ts.Fatalf("unknown setting %q of a machine", s)
		}
		ts.Check(err)
	}
	c.Append = guest.CommandLine("", workload) + more
	program, err := b.cache.QEMU(context.Background(), suite, nil)
	ts.Check(err)
	base := filepath.Join(ts.MkAbs("."), name+strconv.FormatInt(time.Now().UnixNano()%1e6, 36))
	c.QMP, c.Console, c.Control = base+".qmp", base+".console", base+".control"
	m := &machine{monitor: base + ".monitor"}
	line := append(append([]string{}, program.Args...), c.Args()...)
	line = append(line, "-qmp", "unix:"+m.monitor+",server=on,wait=off")
	cmd := exec.Command(program.Binary, line...)
	cmd.Env = append(os.Environ(), program.Env...)
	if owner != "" {
		b.owned(ts, cmd, owner)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var log strings.Builder
	cmd.Stdout, cmd.Stderr = &log, &log
	started := make(chan error)
	b.work <- func() { started <- cmd.Start() }
	ts.Check(<-started)
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(ended)
	}()
	ts.Defer(func() {
		select {
		case <-ended:
			ts.Logf("QEMU %s had ended: %v; %s", name, cmd.ProcessState, log.String())
		default:
		}
		_ = cmd.Process.Kill()
		<-ended
		if m.control != nil {
			m.control.Close()
		}
	})
	ts.Setenv(name, "qmp+unix://"+c.QMP)
	ts.Setenv(name+"_PID", strconv.Itoa(cmd.Process.Pid))
	ts.Value(machinesKey{}).(map[string]*machine)[name] = m
	said := ""
	ready := within(4*time.Minute, func() bool {
		if m.control == nil {
			m.control, err = guest.Dial(context.Background(), c.Control)
		}
		select {
		case <-ended:
			ts.Fatalf("QEMU %s has ended: %v; %s", name, cmd.ProcessState, log.String())
		default:
		}
		// Its sockets are there before the machine is: what ends it may come in between.
		if err == nil {
			said = ask(m.monitor, "query-status")
		}
		return strings.Contains(said, `"return"`)
	})
	if !ready {
		ts.Fatalf("QEMU %s: %v %s", name, err, said)
	}
	if !c.Incoming && !m.hears(4*time.Minute, func(msg guest.Message) bool { return msg.Kind == wire.Ready || msg.Ops > 0 }) {
		text, _ := os.ReadFile(c.Console)
		ts.Fatalf("the guest on %s does not work: %s", name, text)
	}
}

func parseSuite(s string) (debian.Suite, error) { return suite(s) }

// hears waits for a message from the guest.
func (m *machine) hears(patience time.Duration, wanted func(guest.Message) bool) bool {
	late := time.After(patience)
	for {
		select {
		case msg, ok := <-m.control.Messages():
			if !ok || wanted(msg) {
				return ok
			}
		case <-late:
			return false
		}
	}
}

// verify NAME has the guest, which is to be alive there, check its memory.
func (b *bench) verify(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: verify NAME")
	}
	m := machineOf(ts, args[0])
	id := uint32(time.Now().UnixNano())
	ok := false
	for try := 0; try < 15 && !ok; try++ {
		ts.Check(m.control.Send(context.Background(), guest.Command{Verb: wire.Verify, ID: id}))
		ok = m.hears(2*time.Second, func(msg guest.Message) bool {
			if msg.ID == id && !msg.Check.OK() {
				ts.Fatalf("the guest's memory on %s is not as it was written: %+v", args[0], msg.Check)
			}
			return msg.ID == id
		})
	}
	if !ok {
		ts.Fatalf("the guest on %s is silent", args[0])
	}
}

// talks NAME waits until the guest has talked there for a second, ten at most: a QEMU that post-copy is cut off from earlier can hang on a
// missing page.
func talks(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: talks NAME")
	}
	beats := 0
	machineOf(ts, args[0]).hears(10*time.Second, func(msg guest.Message) bool {
		if msg.Kind == wire.Beat {
			beats++
		}
		return beats == 10
	})
}

// monitor NAME PATTERN COMMAND... gives a QEMU a command, JSON as it is or the name of one without arguments, until its
// answer matches the pattern.
func (b *bench) monitor(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: monitor NAME PATTERN COMMAND...")
	}
	m := machineOf(ts, args[0])
	want := regexp.MustCompile(args[1])
	last := ""
	if !within(30*time.Second, func() bool {
		last = ask(m.monitor, strings.Join(args[2:], " "))
		return want.MatchString(last)
	}) {
		ts.Fatalf("QEMU %s answers %s", args[0], last)
	}
}

// ends NAME waits until a QEMU has ended.
func (b *bench) ends(ts *testscript.TestScript, neg bool, args []string) {
	pid := ts.Getenv(args[0] + "_PID")
	if !within(30*time.Second, func() bool {
		_, err := os.Stat("/proc/" + pid)
		return errors.Is(err, os.ErrNotExist)
	}) {
		ts.Fatalf("process %s goes on", pid)
	}
}

func ask(socket, command string) string {
	c, err := net.Dial("unix", socket)
	if err != nil {
		return err.Error()
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(5 * time.Second))
	if !strings.HasPrefix(command, "{") {
		command = `{"execute": "` + command + `"}`
	}
	fmt.Fprintf(c, "{\"execute\": \"qmp_capabilities\", \"arguments\": {\"enable\": [\"oob\"]}, \"id\": 1}\n%s\n", strings.Replace(command, "{", `{"id": 2, `, 1))
	var all strings.Builder
	buf := make([]byte, 64<<10)
	for {
		n, err := c.Read(buf)
		all.Write(buf[:n])
		for line := range strings.Lines(all.String()) {
			if strings.Contains(line, `"id": 2`) && strings.HasSuffix(line, "\n") {
				return line
			}
		}
		if err != nil {
			return all.String() + err.Error()
		}
	}
}
