//go:build lab

package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// owned has a QEMU run as another user, who sees the cache in a mount of its own: root's home is closed to others.
func (b *bench) owned(ts *testscript.TestScript, cmd *exec.Cmd, uid string) {
	dir := ts.MkAbs(".")
	open(ts, dir)
	cache, initrd := filepath.Join(dir, "cache-of-"+uid), filepath.Join(dir, "initrd-of-"+uid)
	ts.Check(errors.Join(os.MkdirAll(cache, 0o755), os.Chmod(dir, 0o777)))
	if _, err := os.Stat(initrd); err != nil {
		text, err := os.ReadFile(b.initrd)
		ts.Check(err)
		ts.Check(os.WriteFile(initrd, text, 0o644))
	}
	seen := strings.NewReplacer(b.cache.Dir, cache, b.initrd, initrd)
	for _, list := range [][]string{cmd.Args, cmd.Env} {
		for i := range list {
			list[i] = seen.Replace(list[i])
		}
	}
	sh, err := exec.LookPath("unshare")
	ts.Check(err)
	cmd.Path = sh
	cmd.Args = append([]string{"unshare", "-m", "--", "sh", "-eu", "-c",
		`mount --bind "$1" "$2"; uid=$3; shift 3; exec setpriv --pdeathsig KILL --reuid "$uid" --regid "$uid" --clear-groups --inh-caps=-all -- "$@"`,
		"sh", b.cache.Dir, cache, uid}, cmd.Args...)
}

// open lets every user reach a folder.
func open(ts *testscript.TestScript, dir string) {
	for ; dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
		ts.Check(os.Chmod(dir, 0o755))
	}
}

// with CAPABILITIES CODE PROGRAM ARG... runs a program as root with these capabilities alone, such as sys_ptrace,sys_admin,
// or "none"; what it says is in the file said.
func with(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: with CAPABILITIES CODE PROGRAM ARG...")
	}
	bound := "-all"
	if args[0] != "none" {
		bound += ",+" + strings.ReplaceAll(args[0], ",", ",+")
	}
	path, err := exec.LookPath(args[2])
	ts.Check(err)
	cmd := exec.Command("setpriv", append([]string{"--bounding-set", bound, "--inh-caps=-all", "--", path}, args[3:]...)...)
	cmd.Dir, cmd.Env = ts.MkAbs("."), environ(ts)
	out, err := cmd.CombinedOutput()
	ts.Check(os.WriteFile(ts.MkAbs("said"), out, 0o666))
	if got := strconv.Itoa(exitStatus(err)); got != args[1] {
		ts.Fatalf("%v with %s exited with %s (%v), want %s: %s", args[2:], args[0], got, err, args[1], out)
	}
}
