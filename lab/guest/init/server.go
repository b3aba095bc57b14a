package main

import (
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"walm/lab/guest/load"
	"walm/lab/guest/wire"
)

const beatEvery = 100 * time.Millisecond

// server answers the host. Only serve's goroutine changes the job.
type server struct {
	port *port
	boot string
	job  atomic.Pointer[job]
}

func newServer(p *port) *server {
	id, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return &server{port: p, boot: strings.TrimSpace(string(id))}
}

// serve starts workload, if any, and does what the host asks. It only returns with an error.
func (s *server) serve(workload string) error {
	s.port.send(s.do(wire.Command{Verb: wire.Ping}))
	if workload != "" {
		s.port.send(s.do(wire.Command{Verb: wire.Start, Workload: workload}))
	}
	var lines wire.Lines
	var answer wire.Message // to the last command: one that is repeated is not carried out again
	buf := make([]byte, 4096)
	for {
		n, err := s.port.Read(buf)
		if err != nil {
			return fmt.Errorf("read the control port: %w", err)
		}
		lines.Feed(buf[:n], func(line []byte) {
			var c wire.Command
			if !wire.Parse(line, &c) {
				return
			}
			if c.ID == 0 || c.ID != answer.ID {
				answer = s.do(c)
				answer.ID = c.ID
			}
			s.port.send(answer)
		})
	}
}

// do carries c out and returns the answer.
func (s *server) do(c wire.Command) wire.Message {
	j := s.job.Load()
	if j == nil {
		switch c.Verb {
		case wire.Stop, wire.Mark, wire.Verify, wire.Corrupt:
			return failed("%s: no workload runs: start one first", c.Verb)
		}
	}
	switch c.Verb {
	case wire.Ping:
		m := wire.Message{Kind: wire.Hello, Version: wire.Version, Boot: s.boot}
		if j != nil {
			m.Workload = j.memory.Workload().String()
		}
		return m
	case wire.Start:
		return s.start(c.Workload)
	case wire.Stop:
		s.stop()
		return wire.Message{Kind: wire.Stopped}
	case wire.Mark:
		j.memory.Mark()
		return wire.Message{Kind: wire.Marked}
	case wire.Verify:
		return wire.Message{Kind: wire.Verified, Check: j.memory.Verify()}
	case wire.Reboot:
		return endMachine(unix.LINUX_REBOOT_CMD_RESTART)
	case wire.PowerOff:
		return endMachine(unix.LINUX_REBOOT_CMD_POWER_OFF)
	case wire.Corrupt:
		j.memory.Corrupt(c.Page)
		return wire.Message{Kind: wire.Corrupted}
	}
	return failed("unknown command %.20q", c.Verb)
}

// endMachine reboots the machine or switches it off. There are no file systems to be kept.
func endMachine(how int) wire.Message {
	if unix.Getpid() != 1 { // in a test, whose machine is somebody's
		return failed("only the first process of a guest ends it")
	}
	return failed("the machine goes on: %v", unix.Reboot(how))
}

func (s *server) start(workload string) wire.Message {
	w, err := load.Parse(workload)
	if err != nil {
		return failed("%v", err)
	}
	s.stop()
	j, err := startJob(w)
	if err != nil {
		return failed("%v", err)
	}
	s.job.Store(j)
	return wire.Message{Kind: wire.Ready, Workload: w.String(), Arena: w.Arena()}
}

func (s *server) stop() {
	if j := s.job.Swap(nil); j != nil {
		j.close()
	}
}

func failed(format string, args ...any) wire.Message {
	return wire.Message{Kind: wire.Error, Error: fmt.Sprintf(format, args...)}
}

// beat reports ten times a second, at times that do not drift. It only returns with an error.
func (s *server) beat() error {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return fmt.Errorf("read the clock: %w", err)
	}
	for next := now.Nano(); ; {
		m := wire.Message{Kind: wire.Beat, Up: time.Duration(now.Nano())}
		if j := s.job.Load(); j != nil {
			m.Ops, m.Bytes = j.ops(), j.memory.Written()
			if err := j.died(); err != nil {
				s.port.send(wire.Message{Kind: wire.Died, Error: err.Error()})
			}
		}
		s.port.send(m)
		if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
			return fmt.Errorf("read the clock: %w", err)
		}
		next = max(next+int64(beatEvery), now.Nano()) // after a stall, go on from now
		until := unix.NsecToTimespec(next)
		unix.ClockNanosleep(unix.CLOCK_MONOTONIC, unix.TIMER_ABSTIME, &until, nil)
		if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
			return fmt.Errorf("read the clock: %w", err)
		}
	}
}
