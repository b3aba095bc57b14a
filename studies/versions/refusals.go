package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"walm/hypervisor/qemu"
	"walm/lab/debian"
	"walm/studies/kept"
)

// Refusal is what walm says of two VMs that were started with certain arguments, before anything moves. In truth nothing
// moves: there is no guest, only firmware.
type Refusal struct {
	From, To      string // QEMU's versions
	What          string
	Source, There string   `json:",omitempty"` // the arguments in which the two differ from the plain VM
	Said          []string `json:",omitempty"` // none: it would have moved
	QEMU          string   `json:",omitempty"` // what QEMU itself says when it is made to migrate all the same; empty: it completes
}

// question is how a pair is started: what is asked of it.
type question struct {
	what          string
	source, there []string
}

// refusals asks every pair of versions, in both directions, and rewrites the file.
func refusals(ctx context.Context) error {
	have, err := programs(ctx)
	if err != nil {
		return err
	}
	if err := os.Remove(refusalsFile); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	for _, a := range suites() {
		for _, b := range suites() {
			from, ok := have[a]
			to, also := have[b]
			if !ok || !also {
				continue
			}
			all, err := questions(ctx, from, to)
			if err != nil {
				return err
			}
			for _, q := range all {
				r, err := ask(ctx, from, to, q)
				if err != nil {
					return fmt.Errorf("%s to %s, %s: %w", from.Version, to.Version, q.what, err)
				}
				fmt.Fprintf(os.Stderr, "%s to %s, %s: %q; QEMU: %q\n", r.From, r.To, r.What, r.Said, r.QEMU)
				if err := kept.Add(refusalsFile, r); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// questions are the ways in which VMs of two versions are started in practice.
func questions(ctx context.Context, from, to debian.QEMU) ([]question, error) {
	both, err := newestMachine(ctx, from, to)
	if err != nil {
		return nil, err
	}
	newest := map[string]string{}
	for _, q := range []debian.QEMU{from, to} {
		all, err := machines(ctx, q)
		if err != nil {
			return nil, err
		}
		newest[q.Version] = all[0]
	}
	plain := []string{"-machine", both, "-cpu", "qemu64"}
	with := func(more ...string) []string { return append(append([]string{}, plain...), more...) }
	all := []question{
		{"the newest machine type that both know", plain, plain},
		{"CPU model max", []string{"-machine", both, "-cpu", "max"}, []string{"-machine", both, "-cpu", "max"}},
		{"CPU model Haswell-v4", []string{"-machine", both, "-cpu", "Haswell-v4"}, []string{"-machine", both, "-cpu", "Haswell-v4"}},
		{"each distribution's option ROM", with("-device", "virtio-net-pci,netdev=n", "-netdev", "user,id=n"),
			with("-device", "virtio-net-pci,netdev=n", "-netdev", "user,id=n")},
		{"each distribution's VGA BIOS", with("-device", "VGA"), with("-device", "VGA")},
		{"a device that the destination lacks", with("-device", "VGA"), plain},
	}
	if newest[from.Version] != newest[to.Version] {
		all = append(all, question{"each version's own machine type (q35)", []string{"-machine", "q35", "-cpu", "qemu64"},
			[]string{"-machine", "q35", "-cpu", "qemu64"}})
	}
	return all, nil
}

// ask starts both ends, has walm check them, and then has QEMU try, whatever walm said.
func ask(ctx context.Context, from, to debian.QEMU, q question) (r Refusal, err error) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	dir, err := os.MkdirTemp("", "walm-versions-")
	if err != nil {
		return r, err
	}
	defer os.RemoveAll(dir)
	r = Refusal{From: from.Version, To: to.Version, What: q.what, Source: words(q.source), There: words(q.there)}
	source, err := begin(ctx, from, filepath.Join(dir, "a.qmp"), q.source)
	if err != nil {
		return r, err
	}
	defer source.end()
	there, err := begin(ctx, to, filepath.Join(dir, "b.qmp"), append(q.there, "-incoming", "defer"))
	if err != nil {
		return r, err
	}
	defer there.end()
	p := qemu.NewPair(source.vm, there.vm, "127.0.0.1:0", dir)
	defer p.Close()
	found, err := p.Check(ctx)
	if err != nil {
		return r, err
	}
	for _, f := range found {
		r.Said = append(r.Said, f.Error())
	}
	r.QEMU, err = force(ctx, filepath.Join(dir, "a.qmp"), filepath.Join(dir, "b.qmp"), filepath.Join(dir, "stream"))
	return r, err
}

func words(args []string) string {
	text := ""
	for _, a := range args {
		text += " " + a
	}
	return text[1:]
}

// process is a QEMU that a question is asked of.
type process struct {
	cmd *exec.Cmd
	vm  *qemu.VM
}

// begin starts a VM without a guest. Its memory is no multiple of 256 KiB (see qemu.LabRAM).
func begin(ctx context.Context, q debian.QEMU, socket string, args []string) (*process, error) {
	all := append(append([]string{}, q.Args...), "-nodefaults", "-no-user-config", "-display", "none", "-accel", "tcg", "-m", "65544K",
		"-qmp", "unix:"+socket+",server=on,wait=off", "-qmp", "unix:"+socket+"2,server=on,wait=off")
	cmd := exec.Command(q.Binary, append(all, args...)...)
	cmd.Env = append(os.Environ(), q.Env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	said, err := os.Create(socket + ".log")
	if err != nil {
		return nil, err
	}
	defer said.Close()
	cmd.Stderr = said
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{cmd: cmd}
	for {
		if p.vm, err = qemu.Open(ctx, socket); err == nil {
			return p, nil
		}
		if ctx.Err() != nil {
			text, _ := os.ReadFile(said.Name())
			return nil, errors.Join(fmt.Errorf("reach QEMU %s: %w; it said: %s", q.Version, err, text), p.end())
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func (p *process) end() error {
	if p.vm != nil {
		p.vm.Close()
	}
	err := p.cmd.Process.Kill()
	_ = p.cmd.Wait() // killed
	return err
}
