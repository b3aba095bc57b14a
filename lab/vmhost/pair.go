package vmhost

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"walm/lab/debian"
	"walm/lab/netlab"
	"walm/vm"
)

// Spec says what a pair is to be.
type Spec struct {
	QEMU  debian.Suite      // inside the hosts; default debian.Backports
	Link  vm.Rate           // of each host's uplink; default 200 Mbit/s
	Extra map[string]string // more files for the hosts: the path there, without the leading slash, and here
}

// Pair is two hosts on a network of their own, both off at first.
type Pair struct {
	Dir      string
	Net      *netlab.Net
	A, B     *Host
	emulator debian.QEMU
	kernel   debian.Kernel
	id       string
}

// runDir holds a folder a pair.
const runDir = "/run/walm/vmhost"

// reap removes what pairs have left whose owner was killed: files and namespaces, since hosts die with their owner. A pair's
// name ends in its owner's pid.
func reap() error {
	left, err := os.ReadDir(runDir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	for _, d := range left {
		_, pid, _ := strings.Cut(d.Name(), "x")
		if _, gone := os.Stat("/proc/" + pid); pid != "" && errors.Is(gone, os.ErrNotExist) {
			err = errors.Join(err, netlab.Remove(d.Name()), os.RemoveAll(filepath.Join(runDir, d.Name())))
		}
	}
	return err
}

// New makes the network, the keys and the hosts' system. It fetches what is missing.
func New(ctx context.Context, spec Spec, step func(string)) (_ *Pair, err error) {
	if os.Geteuid() != 0 {
		return nil, errors.New("hosts need network namespaces and taps: run this as root")
	}
	if spec.QEMU == "" {
		spec.QEMU = debian.Backports
	}
	if spec.Link == 0 {
		spec.Link = vm.Gbit / 5
	}
	cache, err := debian.DefaultCache()
	if err != nil {
		return nil, err
	}
	if err := reap(); err != nil {
		return nil, fmt.Errorf("clear what an earlier pair left: %w", err)
	}
	b := make([]byte, 2)
	_, _ = rand.Read(b)
	p := &Pair{id: fmt.Sprintf("%sx%d", hex.EncodeToString(b), os.Getpid())}
	p.Dir = filepath.Join(runDir, p.id)
	if p.emulator, err = cache.QEMU(ctx, debian.Backports, step); err != nil {
		return nil, err
	}
	if p.kernel, err = cache.Kernel(ctx, step); err != nil {
		return nil, err
	}
	system, err := cache.System(ctx, spec.QEMU, step)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(p.Dir, 0o700); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.Down())
		}
	}()
	p.A, p.B = &Host{Side: netlab.A, Address: "10.77.0.21", pair: p}, &Host{Side: netlab.B, Address: "10.77.0.22", pair: p}
	if p.Net, err = netlab.Up(ctx, netlab.Spec{ID: p.id, Rate: spec.Link}); err != nil {
		return nil, err
	}
	if err := p.makeKeys(ctx); err != nil {
		return nil, err
	}
	return p, p.makeImage(image{system: system, kernel: p.kernel, extra: spec.Extra})
}

func (p *Pair) initrd() string { return filepath.Join(p.Dir, "initrd") }

func (p *Pair) makeImage(i image) (err error) {
	if i.hostKey, err = os.ReadFile(filepath.Join(p.Dir, "host")); err != nil {
		return err
	}
	if i.authorized, err = os.ReadFile(filepath.Join(p.Dir, "user.pub")); err != nil {
		return err
	}
	f, err := os.Create(p.initrd())
	if err != nil {
		return err
	}
	return errors.Join(i.write(f), f.Close())
}

// makeKeys makes the keys of the hosts and of their user, and an ssh that uses them inside the pair's network.
func (p *Pair) makeKeys(ctx context.Context) error {
	for _, name := range []string{"host", "user"} {
		cmd := exec.CommandContext(ctx, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", filepath.Join(p.Dir, name))
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("make a key for ssh: %w: %s; install openssh-client", err, out)
		}
	}
	key, err := os.ReadFile(filepath.Join(p.Dir, "host.pub"))
	if err != nil {
		return err
	}
	ssh, err := exec.LookPath("ssh")
	if err != nil {
		return fmt.Errorf("%w: install openssh-client", err)
	}
	config := fmt.Sprintf("Host host-*\n\tUser root\n\tIdentityFile %[1]s/user\n\tIdentitiesOnly yes\n\tUserKnownHostsFile %[1]s/known\n"+
		"\tStrictHostKeyChecking yes\n\tLogLevel ERROR\n\tServerAliveCountMax 24\n", p.Dir)
	known := ""
	for _, h := range []*Host{p.A, p.B} {
		config += fmt.Sprintf("Host %s\n\tHostName %s\n", h.Target(), h.Address)
		known += h.Address + " " + string(key)
	}
	if err := os.Mkdir(p.Tools(), 0o700); err != nil {
		return err
	}
	for name, text := range map[string]string{
		"config": config, "known": known,
		"tools/ssh": fmt.Sprintf("#!/bin/sh\nexec nsenter --net=/run/netns/%s %s -F %s/config \"$@\"\n", p.Net.Client().Namespace, ssh, p.Dir),
	} {
		if err := os.WriteFile(filepath.Join(p.Dir, name), []byte(text), 0o700); err != nil {
			return err
		}
	}
	return nil
}

// Tools is a folder whose ssh reaches the hosts by their names. Put it first in PATH.
func (p *Pair) Tools() string { return filepath.Join(p.Dir, "tools") }

// Path is PATH with Tools before all else.
func (p *Pair) Path() string {
	return p.Tools() + ":" + strings.TrimPrefix(os.Getenv("PATH"), p.Tools()+":")
}

// Hosts are both.
func (p *Pair) Hosts() []*Host { return []*Host{p.A, p.B} }

// On switches both hosts on at once.
func (p *Pair) On(ctx context.Context) error {
	done := make(chan error)
	for _, h := range p.Hosts() {
		go func() { done <- h.On(ctx, time.Time{}) }()
	}
	return errors.Join(<-done, <-done)
}

// Down switches the hosts off and removes all that was made.
func (p *Pair) Down() error {
	var all []error
	for _, h := range p.Hosts() {
		if h != nil {
			all = append(all, h.Off())
		}
	}
	if p.Net != nil {
		all = append(all, p.Net.Down())
	}
	return errors.Join(append(all, os.RemoveAll(p.Dir))...)
}
