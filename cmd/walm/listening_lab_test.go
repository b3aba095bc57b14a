//go:build lab

package main

import (
	"encoding/hex"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// listeners NAME... writes into the file listening what the processes listen on: "NAME tcp 127.0.0.1:49152", "NAME udp …",
// "NAME unix /path". A process that has ended listens on nothing.
func listeners(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: listeners NAME...")
	}
	var lines []string
	for _, name := range args {
		for _, l := range listening(ts.Getenv(name + "_PID")) {
			lines = append(lines, name+" "+l+"\n")
		}
	}
	slices.Sort(lines)
	text := strings.Join(lines, "")
	ts.Logf("%s", text)
	ts.Check(os.WriteFile(ts.MkAbs("listening"), []byte(text), 0o666))
}

func listening(pid string) (all []string) {
	own := map[string]bool{}
	files, _ := filepath.Glob("/proc/" + pid + "/fd/*")
	for _, f := range files {
		if to, err := os.Readlink(f); err == nil {
			if inode, ok := strings.CutPrefix(to, "socket:["); ok {
				own[strings.TrimSuffix(inode, "]")] = true
			}
		}
	}
	for _, kind := range []string{"tcp", "tcp6", "udp", "udp6", "raw", "packet"} {
		const tcpListen, udpBound = "0A", "07"
		for _, f := range rows("/proc/" + pid + "/net/" + kind) {
			switch {
			case kind == "packet" && len(f) > 8 && own[f[8]]:
				all = append(all, "packet")
			case kind == "packet" || len(f) < 10 || !own[f[9]]:
			case f[3] == tcpListen, f[3] == udpBound && !strings.HasPrefix(kind, "tcp"):
				all = append(all, kind+" "+endpoint(f[1]))
			}
		}
	}
	for _, f := range rows("/proc/" + pid + "/net/unix") {
		const accepts = "00010000" // __SO_ACCEPTCON
		if len(f) > 6 && own[f[6]] && f[3] == accepts {
			all = append(all, "unix "+strings.Join(f[7:], " "))
		}
	}
	return all
}

// rows are a table's, but its head.
func rows(path string) (all [][]string) {
	text, _ := os.ReadFile(path)
	for line := range strings.Lines(string(text)) {
		all = append(all, strings.Fields(line))
	}
	return all[min(1, len(all)):]
}

// endpoint reads 0100007F:C000, whose address is in words of the host's order.
func endpoint(s string) string {
	addr, port, _ := strings.Cut(s, ":")
	b, err := hex.DecodeString(addr)
	n, other := strconv.ParseUint(port, 16, 16)
	if err != nil || other != nil {
		return s
	}
	for i := 0; i+4 <= len(b); i += 4 {
		slices.Reverse(b[i : i+4])
	}
	return net.JoinHostPort(net.IP(b).String(), fmt.Sprint(n))
}
