package rpc

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// argv is the program that carries the connection.
func (u URI) argv() []string {
	if u.Transport == OverExt {
		return []string{u.Command}
	}
	args := []string{cmp.Or(u.Command, "ssh")}
	if u.Port != 0 {
		args = append(args, "-p", strconv.Itoa(u.Port))
	}
	if u.User != "" {
		args = append(args, "-l", u.User)
	}
	if u.KeyFile != "" {
		args = append(args, "-i", u.KeyFile)
	}
	if u.KnownHosts != "" {
		args = append(args, "-o", "UserKnownHostsFile="+u.KnownHosts)
	}
	if u.NoTTY {
		args = append(args, "-o", "BatchMode=yes")
	}
	if u.NoVerify {
		args = append(args, "-o", "StrictHostKeyChecking=no")
	}
	// No terminal and no escape character: the protocol is binary.
	return append(args, "-T", "-e", "none", "--", u.Host, "sh -c "+quote(u.script()))
}

// script is what the daemon's host runs: libvirt's own helper, which finds the socket by itself (libvirt 6.8), or else
// netcat. Some netcats go on after the end of their input unless told otherwise by -q 0, which others do not know.
func (u URI) script() string {
	helper := "exec virt-ssh-helper " + quote(u.Opens())
	nc := quote(cmp.Or(u.Netcat, "nc"))
	var tries []string
	for _, path := range u.remoteSockets() {
		tries = append(tries, "if test -S "+path+"; then s="+path+"; fi")
	}
	netcat := "s=" + u.remoteSockets()[0] + "; " + strings.Join(tries, "; ") +
		"; if " + nc + ` -h 2>&1 | grep -q -e "-q "; then exec ` + nc + ` -q 0 -U "$s"; else exec ` + nc + ` -U "$s"; fi`
	switch {
	case u.Proxy == "native":
		return helper
	case u.Proxy == "netcat", u.Socket != "", u.Netcat != "":
		return netcat
	}
	return "if command -v virt-ssh-helper >/dev/null 2>&1; then " + helper + "; else " + netcat + "; fi"
}

// remoteSockets are sockets() in the words of the other host's shell, the likeliest last.
func (u URI) remoteSockets() []string {
	dir := "/run/libvirt/"
	switch {
	case u.Socket != "":
		return []string{quote(u.Socket)}
	case u.Path == "/session":
		dir = `"${XDG_RUNTIME_DIR:-/run/user/$(id -u)}"/libvirt/`
	}
	switch u.Mode {
	case "legacy":
		return []string{dir + legacySocket}
	case "direct":
		return []string{dir + directSocket}
	}
	return []string{dir + directSocket, dir + legacySocket}
}

func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// commandConn is a connection that a program carries.
type commandConn struct {
	net.Conn
	argv   []string
	cmd    *exec.Cmd
	stderr tail
	ended  chan struct{}
	close  sync.Once
}

// connectCommand starts the program with one end of a pair of sockets as its input and output. It does not wait for the
// program to connect: the first answer tells.
func (u URI) connectCommand() (net.Conn, error) {
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socketpair", err)
	}
	ours, theirs := os.NewFile(uintptr(fds[0]), "ours"), os.NewFile(uintptr(fds[1]), "theirs")
	defer theirs.Close()
	conn, err := net.FileConn(ours)
	ours.Close()
	if err != nil {
		return nil, err
	}
	c := &commandConn{Conn: conn, argv: u.argv(), ended: make(chan struct{})}
	c.cmd = exec.Command(c.argv[0], c.argv[1:]...)
	c.cmd.Stdin, c.cmd.Stdout, c.cmd.Stderr = theirs, theirs, &c.stderr
	c.cmd.WaitDelay = time.Second // what it started may keep its standard error open
	if err := c.cmd.Start(); err != nil {
		conn.Close()
		if errors.Is(err, exec.ErrNotFound) {
			return nil, fmt.Errorf("%w: install OpenSSH's client, or name another program with ?command=PATH", err)
		}
		return nil, err
	}
	go func() {
		_ = c.cmd.Wait() // its end shows in the connection's
		close(c.ended)
	}()
	return c, nil
}

// Read gives what the program says of its end in place of a bare end.
func (c *commandConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if n > 0 || err == nil || !errors.Is(err, io.EOF) && !errors.Is(err, syscall.ECONNRESET) {
		return n, err
	}
	select {
	case <-c.ended:
	case <-time.After(2 * time.Second):
		return n, err
	}
	return n, c.why()
}

func (c *commandConn) why() error {
	said := c.stderr.String()
	advice := ""
	for _, known := range []struct{ part, advice string }{
		{"Host key verification failed", ": connect once with ssh by hand and look at the key"},
		{"Permission denied (", ": does `ssh` to that host work by hand? name a key with ?keyfile=PATH"},
		{"Could not resolve hostname", ": is the host's name right?"},
		{"Connection refused", ": does an SSH server run there?"},
		{"nc: not found", ": install libvirt there, or netcat"},
		{"libvirt-sock", ": is libvirt started there, and may this user use its socket (root, or the group libvirt)?"},
		{"virtqemud-sock", ": is libvirt started there, and may this user use its socket (root, or the group libvirt)?"},
	} {
		if strings.Contains(said, known.part) {
			advice = known.advice
			break
		}
	}
	if said == "" {
		said = "it said nothing"
	}
	return fmt.Errorf("%s ended (%s): %s%s", c.argv[0], c.cmd.ProcessState, said, advice)
}

// Close also ends the program, if the end of its input does not.
func (c *commandConn) Close() error {
	err := net.ErrClosed
	c.close.Do(func() {
		err = c.Conn.Close()
		select {
		case <-c.ended:
		case <-time.After(200 * time.Millisecond):
			_ = c.cmd.Process.Kill()
			<-c.ended
		}
	})
	return err
}

// tail keeps the end of what a program says.
type tail struct {
	mu sync.Mutex
	b  []byte
}

func (t *tail) Write(p []byte) (int, error) {
	const most = 1 << 10
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b = append(t.b, p...)
	if len(t.b) > most {
		t.b = t.b[len(t.b)-most:]
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(bytes.ReplaceAll(bytes.TrimSpace(bytes.ReplaceAll(t.b, []byte("\r"), nil)), []byte("\n"), []byte("; ")))
}
