package faults

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"regexp"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// manner is how a proxy falsifies what a QEMU says.
type manner string

const (
	honest   manner = ""
	tardy    manner = "slow"     // every line comes a second late
	lying    manner = "wrong"    // what was done is answered by an error, states by words that QEMU does not have
	mute     manner = "mute"     // nothing comes, and the connection stays
	disorder manner = "disorder" // events come in pairs, the later one first and twice
	ahead    manner = "ahead"    // events carry the time of an hour later
)

// lateness is what a tardy one adds to each line.
const lateness = time.Second

// proxy stands between walm and a QEMU's monitor. The socket that walm connects to was listened on by the process that
// the QEMU became: who asks for the peer's process, as walm does to find the VM's memory, is told the QEMU's.
type proxy struct {
	behind string // the QEMU's own socket
	ours   *os.File
	handed *os.File // for the process that becomes the QEMU
	l      net.Listener

	mu       sync.Mutex
	manner   manner
	commands map[string]string // by id, of this client
	held     []byte            // an event, in disorder
	conns    []net.Conn
}

func newProxy(behind string) (*proxy, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	return &proxy{behind: behind, ours: os.NewFile(uintptr(fds[0]), "ours"), handed: os.NewFile(uintptr(fds[1]), "handed"),
		commands: map[string]string{}}, nil
}

// Listen listens at path, hands the listener to whoever holds the other end of descriptor 3, and becomes program.
func Listen(path string, program []string) error {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	if err := errors.Join(unix.Bind(fd, &unix.SockaddrUnix{Name: path}), unix.Listen(fd, 1)); err != nil {
		return fmt.Errorf("listen on %s: %w", path, err)
	}
	if err := unix.Sendmsg(3, []byte{1}, unix.UnixRights(fd), nil, 0); err != nil {
		return fmt.Errorf("hand the listener over: %w", err)
	}
	unix.CloseOnExec(3)
	return fmt.Errorf("run %s: %w", program[0], unix.Exec(program[0], program, os.Environ()))
}

// begin takes the listener over and serves.
func (p *proxy) begin(context.Context) error {
	p.handed.Close()
	oob := make([]byte, unix.CmsgSpace(4))
	_, n, _, _, err := unix.Recvmsg(int(p.ours.Fd()), make([]byte, 1), oob, unix.MSG_CMSG_CLOEXEC)
	if err != nil {
		return fmt.Errorf("take the proxy's listener over: %w", err)
	}
	fds, err := rights(oob[:n])
	if err != nil || len(fds) != 1 {
		return fmt.Errorf("take the proxy's listener over: %d descriptors, %v", len(fds), err)
	}
	file := os.NewFile(uintptr(fds[0]), "listener")
	defer file.Close()
	if p.l, err = net.FileListener(file); err != nil {
		return err
	}
	go func() {
		for {
			c, err := p.l.Accept()
			if err != nil {
				return
			}
			go p.serve(c.(*net.UnixConn))
		}
	}()
	return nil
}

func rights(oob []byte) (fds []int, err error) {
	messages, err := unix.ParseSocketControlMessage(oob)
	for _, m := range messages {
		more, e := unix.ParseUnixRights(&m)
		fds, err = append(fds, more...), errors.Join(err, e)
	}
	return fds, err
}

func (p *proxy) serve(client *net.UnixConn) {
	defer client.Close()
	qemu, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: p.behind, Net: "unix"})
	if err != nil {
		return
	}
	defer qemu.Close()
	p.mu.Lock()
	p.conns = append(p.conns, client, qemu)
	p.mu.Unlock()
	go func() {
		defer qemu.Close()
		p.forward(client, qemu)
	}()
	r := bufio.NewReaderSize(qemu, 1<<20)
	for {
		line, err := r.ReadBytes('\n')
		for _, out := range p.falsify(line) {
			if _, err := client.Write(out); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// forward passes on what walm says, with the descriptors that go with it.
func (p *proxy) forward(client, qemu *net.UnixConn) {
	buf, oob := make([]byte, 1<<16), make([]byte, 256)
	for {
		n, o, _, _, err := client.ReadMsgUnix(buf, oob)
		if err != nil || n == 0 {
			return
		}
		p.note(buf[:n])
		fds, _ := rights(oob[:o])
		_, _, err = qemu.WriteMsgUnix(buf[:n], oob[:o], nil)
		for _, fd := range fds {
			unix.Close(fd)
		}
		if err != nil {
			return
		}
	}
}

// note remembers which command an id stands for.
func (p *proxy) note(b []byte) {
	d := json.NewDecoder(bytes.NewReader(b))
	for {
		var c struct {
			Execute string          `json:"execute"`
			OOB     string          `json:"exec-oob"`
			ID      json.RawMessage `json:"id"`
		}
		if d.Decode(&c) != nil {
			return
		}
		p.mu.Lock()
		p.commands[string(c.ID)] = c.Execute + c.OOB
		p.mu.Unlock()
	}
}

func (p *proxy) set(m manner) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.manner = m
}

var stamp = regexp.MustCompile(`"seconds": *(\d+)`)

// falsify gives what walm is to read in place of a line, each with its end.
func (p *proxy) falsify(line []byte) [][]byte {
	p.mu.Lock()
	m := p.manner
	defer p.mu.Unlock()
	if len(line) == 0 {
		return nil
	}
	isEvent := bytes.Contains(line, []byte(`"event":`)) && bytes.Contains(line, []byte(`"timestamp":`))
	switch {
	case m == tardy:
		p.mu.Unlock()
		time.Sleep(lateness)
		p.mu.Lock()
	case m == mute:
		return nil
	case m == lying && !isEvent:
		return [][]byte{p.lie(line)}
	case m == ahead && isEvent:
		return [][]byte{stamp.ReplaceAllFunc(line, func(b []byte) []byte {
			n, _ := strconv.ParseInt(string(stamp.FindSubmatch(b)[1]), 10, 64)
			return fmt.Appendf(nil, `"seconds": %d`, n+3600)
		})}
	case m == disorder && isEvent:
		if p.held == nil {
			p.held = bytes.Clone(line)
			return nil
		}
		out := [][]byte{line, line, p.held}
		p.held = nil
		return out
	}
	return [][]byte{line}
}

// lie is a wrong answer.
func (p *proxy) lie(line []byte) []byte {
	var r struct {
		ID json.RawMessage `json:"id"`
	}
	if json.Unmarshal(line, &r) != nil || r.ID == nil {
		return line
	}
	switch p.commands[string(r.ID)] {
	case "query-status":
		return fmt.Appendf(nil, `{"return": {"status": "dreaming", "running": false}, "id": %s}`+"\r\n", r.ID)
	case "query-migrate":
		return fmt.Appendf(nil, `{"return": {"status": "wandering"}, "id": %s}`+"\r\n", r.ID)
	}
	return fmt.Appendf(nil, `{"error": {"class": "GenericError", "desc": "said by a proxy that lies"}, "id": %s}`+"\r\n", r.ID)
}

func (p *proxy) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range append([]io.Closer{p.ours, p.handed}, closers(p.conns)...) {
		c.Close()
	}
	if p.l != nil {
		p.l.Close()
	}
}

func closers(conns []net.Conn) (all []io.Closer) {
	for _, c := range conns {
		all = append(all, c)
	}
	return all
}
