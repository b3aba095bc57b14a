package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"

	"github.com/charmbracelet/x/ansi"
	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"
)

// terminal FILE PROGRAM ARG... runs a program with its standard error on a terminal 80 columns wide. What stands there
// at the end goes into FILE, and its standard output into FILE.out.
func terminal(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: terminal FILE PROGRAM ARG...")
	}
	master, slave, err := openPTY(80)
	ts.Check(err)
	defer master.Close()
	cmd := exec.Command(args[1], args[2:]...)
	cmd.Env = environ(ts)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, slave
	err = cmd.Start()
	slave.Close()
	ts.Check(err)
	sent, _ := io.ReadAll(master) // ends with EIO once nobody has the other end open
	err = cmd.Wait()
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(screen(string(sent))), 0o666))
	ts.Check(os.WriteFile(ts.MkAbs(args[0]+".out"), out.Bytes(), 0o666))
	if err != nil {
		ts.Fatalf("%s: %v\n%s", strings.Join(args[1:], " "), err, screen(string(sent)))
	}
}

func openPTY(columns uint16) (master, slave *os.File, err error) {
	master, err = os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, nil, err
	}
	fd := int(master.Fd())
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		err = unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 25, Col: columns})
	}
	if err == nil {
		slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	}
	if err != nil {
		master.Close()
	}
	return master, slave, err
}

// screen is what a terminal shows of what was sent to it, as far as walm uses one: returns, erasing to the end of the
// line, and colours.
func screen(sent string) string {
	var shown strings.Builder
	for line := range strings.Lines(strings.ReplaceAll(sent, "\r\n", "\n")) {
		var cells []rune
		for i, part := range strings.Split(strings.TrimSuffix(line, "\n"), "\r") {
			if i > 0 && strings.HasPrefix(part, "\x1b[K") {
				cells = nil
			}
			for n, r := range []rune(ansi.Strip(part)) {
				if n < len(cells) {
					cells[n] = r
				} else {
					cells = append(cells, r)
				}
			}
		}
		shown.WriteString(string(cells) + "\n")
	}
	return shown.String()
}

// environ is the script's, as far as walm reads it.
func environ(ts *testscript.TestScript) []string {
	env := os.Environ()
	for _, name := range []string{"WALM_STATE", "WALM_CACHE", "TMPDIR"} {
		if value := ts.Getenv(name); value != "" {
			env = append(env, name+"="+value)
		}
	}
	return append(env, "TERM=xterm-256color")
}
