package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"walm/lab/guest/load"
)

// program is a real program from the disk, with what it started before it.
type program struct {
	recipe recipe
	work   gauge
	ended  sync.WaitGroup
	stop   context.CancelFunc

	mu    sync.Mutex
	died  error
	heard []string // its last words
}

func startProgram(p load.Part) (device, error) {
	r, err := recipeOf(p)
	if err != nil {
		return nil, err
	}
	if err := mountDisk(); err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	g := &program{recipe: r, stop: stop}
	if err := g.begin(ctx); err != nil {
		return nil, errors.Join(err, g.Close())
	}
	return g, nil
}

// begin starts the program and returns once it works.
func (g *program) begin(ctx context.Context) error {
	r := g.recipe
	if r.fresh != "" {
		dir := disk + r.fresh
		if err := errors.Join(os.RemoveAll(dir), os.Mkdir(dir, 0o700), os.Chown(dir, int(r.user), int(r.user))); err != nil {
			return err
		}
	}
	if err := g.run(ctx, r.prepare); err != nil {
		return err
	}
	if len(r.server) > 0 {
		g.ended.Go(func() { g.keep(ctx, r.server, nil) })
		if err := r.await(ctx); err != nil {
			return errors.Join(err, g.Err())
		}
	}
	if err := g.run(ctx, r.load); err != nil {
		return err
	}
	g.work.at = time.Now()
	switch {
	case r.poll != nil: // its clients come when it is there
		g.ended.Go(func() { g.poll(ctx) })
		return nil
	case r.again:
		g.ended.Go(func() { g.repeat(ctx) })
	default:
		g.ended.Go(func() { g.keep(ctx, r.client, r.parse) })
	}
	return g.await(ctx)
}

// run runs commands one after the other.
func (g *program) run(ctx context.Context, all [][]string) error {
	for _, args := range all {
		if out, err := inDisk(ctx, g.recipe.user, args).CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w: %.120s", args[0], err, out)
		}
	}
	return nil
}

// await returns at the first report of work: before, a migration would find a guest that does nothing.
func (g *program) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !g.work.begun() {
		if err := g.Err(); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s has said nothing of any work: %w", g.recipe.client[0], ctx.Err())
		case <-tick.C:
		}
	}
	return nil
}

// keep runs a command that is not to end, and takes its progress from what it prints.
func (g *program) keep(ctx context.Context, args []string, parse func(string) (float64, bool)) {
	cmd := inDisk(ctx, g.recipe.user, args)
	out, in := io.Pipe()
	cmd.Stdout, cmd.Stderr = in, in
	if err := cmd.Start(); err != nil {
		g.dead(args[0], err)
		return
	}
	g.ended.Go(func() { in.CloseWithError(cmd.Wait()) })
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if work, ok := 0.0, false; parse != nil {
			if work, ok = parse(lines.Text()); ok {
				g.work.add(time.Now(), work)
				continue
			}
		}
		g.hear(lines.Text())
	}
	if ctx.Err() == nil {
		g.dead(args[0], errors.Join(errors.New("it ended"), lines.Err()))
	}
}

// repeat runs a command again and again; every end of it is one unit of work.
func (g *program) repeat(ctx context.Context) {
	for ctx.Err() == nil {
		if out, err := inDisk(ctx, g.recipe.user, g.recipe.client).CombinedOutput(); err != nil && ctx.Err() == nil {
			g.hear(string(out))
			g.dead(g.recipe.client[0], err)
			return
		}
		g.work.add(time.Now(), 1)
	}
}

// poll asks a server ten times a second how much it has done.
func (g *program) poll(ctx context.Context) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	var before float64
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if done, err := g.recipe.poll(); err == nil {
				g.work.add(time.Now(), max(0, done-before))
				before = done
			}
		}
	}
}

func (g *program) hear(text string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.heard = append(g.heard, text); len(g.heard) > 3 {
		g.heard = g.heard[1:]
	}
}

func (g *program) dead(name string, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.died == nil {
		g.died = fmt.Errorf("%s: %w: %.200s", name, err, strings.Join(g.heard, "; "))
	}
}

func (g *program) Ops() uint64 { return g.work.read(time.Now()) }

func (g *program) Err() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.died
}

func (g *program) Close() error {
	g.stop()
	g.ended.Wait()
	return nil
}

// gauge makes a steady count of work that is reported every so often: each report is shown evenly over as long as it
// took to come. So what is shown has been done, and lags by one report: for most programs some milliseconds, for sysbench
// and pgbench, which report once a second, a second.
type gauge struct {
	mu    sync.Mutex
	total float64
	last  float64   // of it, in the last report
	at    time.Time // of the last report; at first of the start
	took  time.Duration
	shown float64
}

func (g *gauge) add(now time.Time, work float64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.total, g.last, g.at, g.took = g.total+work, work, now, now.Sub(g.at)
}

func (g *gauge) begun() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.total > 0
}

func (g *gauge) read(now time.Time) uint64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	behind := 0.0
	if g.took > 0 {
		behind = max(0, 1-now.Sub(g.at).Seconds()/g.took.Seconds())
	}
	g.shown = max(g.shown, g.total-g.last*behind)
	return uint64(g.shown)
}

// disk is where the programs' filesystem is mounted.
const disk = "/disk"

// mountDisk mounts the disk with what its programs expect around them. It can be called again.
func mountDisk() error {
	var have unix.Stat_t
	if unix.Stat(disk+"/usr/bin", &have) == nil {
		return nil
	}
	if err := os.MkdirAll(disk, 0o755); err != nil {
		return err
	}
	for _, m := range []struct{ kind, from, at, options string }{
		{"ext4", diskDevice, "", ""}, {"proc", "proc", "/proc", ""}, {"sysfs", "sysfs", "/sys", ""},
		{"devtmpfs", "devtmpfs", "/dev", ""},
		{"tmpfs", "tmpfs", "/tmp", "mode=1777"}, {"tmpfs", "tmpfs", "/run", "mode=1777"},
	} {
		if err := unix.Mount(m.from, disk+m.at, m.kind, unix.MS_NOATIME, m.options); err != nil {
			return fmt.Errorf("mount %s on %s%s: %w", m.from, disk, m.at, err)
		}
	}
	if err := os.MkdirAll(disk+"/dev/shm", 0o1777); err != nil {
		return err
	}
	return unix.Mount("tmpfs", disk+"/dev/shm", "tmpfs", 0, "mode=1777")
}

// diskDevice is the guest's disk.
const diskDevice = "/dev/vda"

// inDisk is a command of the disk's, with the disk as its whole filesystem.
func inDisk(ctx context.Context, user uint32, args []string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Path, cmd.Err, cmd.Dir = args[0], nil, "/tmp"
	cmd.Env = []string{"PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin:/usr/lib/postgresql/15/bin", "LC_ALL=C", "HOME=/tmp",
		"PYTHONDONTWRITEBYTECODE=1"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: disk, Setpgid: true, Credential: &syscall.Credential{Uid: user, Gid: user}}
	cmd.Cancel = func() error { return unix.Kill(-cmd.Process.Pid, unix.SIGKILL) }
	cmd.WaitDelay = time.Second
	return cmd
}
