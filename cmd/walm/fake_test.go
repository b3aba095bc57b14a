package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"walm/hypervisor/qmp"
	"walm/hypervisor/qmp/qmptest"
)

// fake is a QEMU that is not there: a process with a monitor that answers as QEMU's would, and with memory that walm can
// look at. It migrates to another fake by nothing but a connection.
type fake struct {
	name    string
	machine string
	cpu     string
	memory  []byte
	hangsUp string // the command at which it ends the connection

	elsewhere bool // its threads are another machine's

	mu     sync.Mutex
	run    string
	status string
	reason string
	peer   *qmptest.Peer
}

// fakeQEMU is the program: fakeqemu SOCKET SETTING..., with settings such as "waits" or "ram=32". It says so once it
// listens, and ends with its standard input.
func fakeQEMU() {
	f, err := newFake(os.Args[2:])
	if err == nil {
		err = f.serve(os.Args[1])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func newFake(settings []string) (*fake, error) {
	f := &fake{name: "fake", machine: "pc-q35-10.0", cpu: "qemu64", run: "running", status: "none"}
	ram := 16
	for _, s := range settings {
		key, value, _ := strings.Cut(s, "=")
		switch key {
		case "waits":
			f.run = "inmigrate"
		case "stopped":
			f.run = "paused"
		case "elsewhere":
			f.elsewhere = true
		case "machine":
			f.machine = value
		case "cpu":
			f.cpu = value
		case "hangs-up":
			f.hangsUp = value
		case "ram":
			if _, err := fmt.Sscan(value, &ram); err != nil {
				return nil, err
			}
		default:
			return nil, fmt.Errorf("unknown setting %q of a fake", s)
		}
	}
	var err error
	f.memory, err = syscall.Mmap(-1, 0, ram<<20, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_PRIVATE|syscall.MAP_ANON)
	if err != nil {
		return nil, err
	}
	for i := 0; i < len(f.memory)/2; i += 4096 {
		f.memory[i] = byte(i>>12) | 1 // half of it is present, and never changes
	}
	_ = unix.Prctl(unix.PR_SET_PTRACER, ^uintptr(0), 0, 0, 0) // where Yama would let only root look
	return f, nil
}

// serve takes one client after the other, as QEMU does.
func (f *fake) serve(path string) error {
	l, err := net.Listen("unix", path)
	if err != nil {
		return err
	}
	fmt.Println("listening")
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		f.talk(qmptest.NewPeer(c))
	}
}

func (f *fake) talk(p *qmptest.Peer) {
	defer p.Close()
	if !p.Greet("10.0.2") {
		return
	}
	f.mu.Lock()
	f.peer = p
	f.mu.Unlock()
	answers := f.answers()
	if f.hangsUp != "" {
		answers[f.hangsUp] = func(json.RawMessage) (any, error) {
			p.Close()
			return nil, errors.New("gone")
		}
	}
	p.Answer(answers)
}

type object map[string]any

func (f *fake) answers() qmptest.Answers {
	always := func(v any) func(json.RawMessage) (any, error) {
		return func(json.RawMessage) (any, error) { return v, nil }
	}
	var capabilities []object
	for _, name := range []string{"events", "return-path", "auto-converge", "postcopy-ram", "postcopy-preempt", "multifd"} {
		capabilities = append(capabilities, object{"capability": name, "state": false})
	}
	none := always(object{})
	return qmptest.Answers{
		"query-kvm":                  always(object{"enabled": false, "present": false}),
		"query-name":                 always(object{"name": f.name}),
		"query-memory-size-summary":  always(object{"base-memory": len(f.memory)}),
		"query-memory-devices":       always([]object{}),
		"query-migrate-capabilities": always(capabilities),
		"query-migrate-parameters":   always(object{"max-bandwidth": 1 << 27, "downtime-limit": 300}),
		"query-qmp-schema":           always([]object{}),
		"query-cpus-fast":            always([]object{{"qom-path": "/machine/unattached/device[0]", "thread-id": f.thread()}}),
		"human-monitor-command": always(fmt.Sprintf("Host virtual address for 0x0 (pc.ram) is %#x\r\n",
			uintptr(unsafe.Pointer(unsafe.SliceData(f.memory))))),
		"calc-dirty-rate":          none, // where this process may not be looked at
		"query-dirty-rate":         always(object{"status": "measured", "dirty-rate": 0}),
		"migrate-set-capabilities": none, "migrate-set-parameters": none,
		"query-machines": always([]object{{"name": "pc-q35-10.0"}, {"name": "pc-q35-9.2"}}),
		"qom-get": func(arguments json.RawMessage) (any, error) {
			if strings.Contains(string(arguments), `"feature-words"`) {
				return []object{}, nil
			}
			if strings.Contains(string(arguments), `"/machine"`) {
				return f.machine + "-machine", nil
			}
			return f.cpu + "-x86_64-cpu", nil
		},
		"query-status":  func(json.RawMessage) (any, error) { return object{"status": f.state(&f.run)}, nil },
		"query-migrate": func(json.RawMessage) (any, error) { return f.migration(), nil },
		"migrate": func(arguments json.RawMessage) (any, error) {
			address, err := address(arguments)
			if err == nil {
				go f.moves(address)
			}
			return object{}, err
		},
		"migrate-incoming": func(arguments json.RawMessage) (any, error) {
			address, err := address(arguments)
			if err != nil {
				return nil, err
			}
			l, err := net.Listen("tcp", address)
			if err == nil {
				go f.arrives(l)
			}
			return object{}, err
		},
		"migrate_cancel": none,
	}
}

func (f *fake) thread() int {
	if f.elsewhere {
		return 1 // surely not of this process
	}
	return syscall.Getpid()
}

func (f *fake) state(s *string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return *s
}

func (f *fake) migration() object {
	status := f.state(&f.status)
	if status == "none" {
		return object{}
	}
	m := object{"status": status, "error-desc": f.reason}
	if status == "completed" {
		m["total-time"], m["downtime"], m["setup-time"] = 40, 5, 1
		m["ram"] = object{"total": len(f.memory), "remaining": 0, "transferred": len(f.memory) / 2, "mbps": 1000.5, "page-size": 4096,
			"normal": len(f.memory) / 8192, "dirty-sync-count": 2}
	}
	return m
}

// becomes sets both states and tells, as QEMU does, by an event.
func (f *fake) becomes(run, status, event string) {
	f.mu.Lock()
	f.run, f.status = run, status
	p := f.peer
	f.mu.Unlock()
	if p == nil {
		return
	}
	if event != "" {
		p.Event(qmp.Event{Name: event, At: time.Now()})
	}
	p.Event(qmp.Event{Name: "MIGRATION", At: time.Now(), Data: json.RawMessage(`{"status": "` + status + `"}`)})
}

func address(arguments json.RawMessage) (string, error) {
	var a struct{ URI string }
	err := json.Unmarshal(arguments, &a)
	return strings.TrimPrefix(a.URI, "tcp:"), err
}

func (f *fake) moves(to string) {
	f.becomes("running", "active", "")
	var d net.Dialer
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	c, err := d.DialContext(ctx, "tcp", to)
	if err != nil {
		f.reason = err.Error()
		f.becomes("running", "failed", "")
		return
	}
	f.becomes("finish-migrate", "device", "STOP")
	_ = c.(*net.TCPConn).CloseWrite()
	_, _ = io.Copy(io.Discard, c)
	f.becomes("postmigrate", "completed", "")
}

func (f *fake) arrives(l net.Listener) {
	c, err := l.Accept()
	l.Close()
	if err != nil {
		return
	}
	_, _ = io.Copy(io.Discard, c)
	f.becomes("running", "completed", "RESUME")
	c.Close()
}
