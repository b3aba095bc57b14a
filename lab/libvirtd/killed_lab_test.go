//go:build lab

package libvirtd

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"walm/lab/debian"
	"walm/lab/experiment"
	"walm/lab/guest"
	"walm/lab/netlab"
	"walm/lab/process"
)

// isOwner has the test program be a walm that is going to be killed.
const isOwner = "WALM_TEST_OWNER"

// TestKilled: what a walm that was killed has left is gone with the next Reap: processes, mounts, networks and files.
func TestKilled(t *testing.T) {
	if os.Getenv(isOwner) != "" {
		own(t)
		return
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0], "-test.run", "^TestKilled$", "-test.v")
	cmd.Env = append(os.Environ(), isOwner+"=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	id := ""
	for lines := bufio.NewScanner(out); id == "" && lines.Scan(); {
		t.Log(lines.Text())
		_, id, _ = strings.Cut(lines.Text(), "the pair is up: ")
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Error(err)
	}
	_ = cmd.Wait() // it was killed
	if id == "" {
		t.Fatal("the pair did not come up")
	}
	before := inNamespaces(t, id)
	if len(before) < 4 {
		t.Errorf("of two daemons, a domain and a disk server only processes %v were left to be ended", before)
	}
	if err := Reap(); err != nil {
		t.Fatal(err)
	}
	for _, pid := range before {
		if process.Identify(pid).Alive() {
			t.Errorf("process %d lives on", pid)
		}
	}
	if ids, err := netlab.Remains(); err != nil || slices.Contains(ids, id) {
		t.Errorf("networks are left: %v, %v", ids, err)
	}
	left, _ := filepath.Glob(filepath.Join(runDir, id))
	cache, err := debian.DefaultCache()
	if err != nil {
		t.Fatal(err)
	}
	disks, _ := filepath.Glob(disksOf(cache, id))
	if len(left)+len(disks) > 0 {
		t.Errorf("%v %v are left", left, disks)
	}
}

func own(t *testing.T) {
	w, err := guest.ParseWorkload("disk:rate=50")
	if err != nil {
		t.Fatal(err)
	}
	l, err := Up(t.Context(), Spec{Workload: w}, func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	d, err := l.Serve(t.Context(), experiment.NBD, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Boot(t.Context(), netlab.A, d); err != nil {
		t.Fatal(err)
	}
	os.Stdout.WriteString("the pair is up: " + l.id + "\n")
	time.Sleep(time.Minute) // to be killed in
}

// inNamespaces are the processes in the networks of a pair.
func inNamespaces(t *testing.T, id string) (pids []int) {
	t.Helper()
	all, _ := filepath.Glob("/proc/[0-9]*")
	for _, path := range all {
		pid, err := strconv.Atoi(filepath.Base(path))
		if err != nil {
			t.Fatal(err)
		}
		if slices.ContainsFunc([]string{"a", "b", "d"}, func(role string) bool { return netlab.Holds("walm-"+id+"-"+role, pid) }) {
			pids = append(pids, pid)
		}
	}
	return pids
}
