package qemu

import (
	"context"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"walm/hypervisor/qmp/qmptest"
	"walm/vm"
)

func TestCheck(t *testing.T) {
	answer := func(v any) func(qmptest.Command) (any, error) {
		return func(qmptest.Command) (any, error) { return v, nil }
	}
	for _, tt := range []struct {
		name   string
		change func(source, destination *fake, p *Pair)
		want   []string // what is found, each with its way to mend it
	}{
		{"nothing", func(_, _ *fake, _ *Pair) {}, nil},
		{"a destination that does not wait", func(_, d *fake, _ *Pair) { d.run = vm.RunStateRunning },
			[]string{"does not wait for a migration (it is running, migration none); start it with -incoming defer"}},
		{"a destination that has had one", func(_, d *fake, _ *Pair) { d.is(vm.RunStateInmigrate, object{"status": "failed"}) },
			[]string{"(it is inmigrate, migration failed); start it with -incoming defer"}},
		{"a source that is stopped", func(s, _ *fake, _ *Pair) { s.run = vm.RunStatePaused },
			[]string{"the source's VM is not running but paused; start it, if it runs nowhere else"}},
		{"a source that has given its VM away", func(s, _ *fake, _ *Pair) { s.is(vm.RunStatePostmigrate, object{"status": "completed"}) },
			[]string{"not running but postmigrate; it has moved away from here"}},
		{"a source that migrates", func(s, _ *fake, _ *Pair) { s.is(vm.RunStateRunning, object{"status": "active"}) },
			[]string{"migrating already (active); wait for that migration, or cancel it with walm abort"}},
		{"a source that never ended a cancelled one", func(s, _ *fake, _ *Pair) { s.is(vm.RunStateRunning, object{"status": "cancelling"}) },
			[]string{"has not ended a migration that was cancelled; wait for it; if that lasts"}},
		{"a source that has come from elsewhere", func(s, _ *fake, _ *Pair) {
			s.is(vm.RunStateRunning, object{"status": "completed"})
		}, nil},
		{"another kind of machine", func(_, _ *fake, p *Pair) { p.Destination.Machine = "pc-i440fx-7.2-machine" },
			[]string{"the machine types differ: pc-q35-7.2 and pc-i440fx-7.2; start the destination with -machine pc-q35-7.2"}},
		{"other RAM", func(_, _ *fake, p *Pair) { p.Destination.RAM -= vm.MiB },
			[]string{"the RAM sizes differ: 65544 KiB and 64520 KiB; give both the same -m"}},
		{"other number of CPUs", func(_, d *fake, _ *Pair) {
			d.reply("query-cpus-fast", answer([]object{{"qom-path": "/machine/a", "thread-id": 1}, {"qom-path": "/machine/b"}}))
		}, []string{"the CPUs differ: 1 × qemu64 and 2 × qemu64; give both the same -cpu and -smp"}},
		{"other CPUs", func(_, d *fake, _ *Pair) { d.reply("qom-get", answer("Haswell-x86_64-cpu")) },
			[]string{"the CPUs differ: 1 × qemu64 and 1 × Haswell; give both"}},
		{"an address without a port", func(_, _ *fake, p *Pair) { p.Listen = "10.0.0.2" },
			[]string{`"10.0.0.2" is no address for the destination to listen on; give --listen HOST:PORT`}},
		{"everything", func(s, d *fake, p *Pair) {
			s.is(vm.RunStatePaused, object{"status": "setup"})
			d.run = vm.RunStatePaused
			p.Destination.Machine, p.Destination.RAM, p.Listen = "", 0, ""
			d.machines = nil
		}, []string{"not running", "migrating already", "does not wait", "machine types", "RAM sizes", "no address"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				source, destination := newFake("10.0.2"), waiting("10.0.2")
				p := pairOf(t, source, destination)
				tt.change(source, destination, p)
				found, err := p.Check(t.Context())
				if err != nil || len(found) != len(tt.want) {
					t.Fatalf("found %q, %v, want %q", found, err, tt.want)
				}
				for i, f := range found {
					wants(t, f, tt.want[i])
				}
				did := append(source.did(), destination.did()...)
				if slices.ContainsFunc(did, func(s string) bool {
					return !strings.HasPrefix(s, "qom-") && !strings.Contains(s, `"info ramblock"`)
				}) {
					t.Errorf("it did %q", did)
				}
			})
		})
	}
}

// The sockets of two QEMUs can have the same process at their other end: libvirt, or here this test.
func TestCheckSameQEMU(t *testing.T) {
	for _, same := range []bool{false, true} {
		source, destination := newFake("10.0.2"), waiting("10.0.2")
		if same {
			destination.thread = source.thread
		}
		a, err := Open(t.Context(), source.path(t))
		if err != nil {
			t.Fatal(err)
		}
		defer a.Close()
		b, err := Open(t.Context(), destination.path(t))
		if err != nil {
			t.Fatal(err)
		}
		defer b.Close()
		p := NewPair(a, b, listen, "")
		defer p.Close()
		found, err := p.Check(t.Context())
		if err != nil || (len(found) == 1) != same || len(found) > 1 {
			t.Errorf("same %v: %q, %v", same, found, err)
		}
		if same {
			wants(t, found[0], "the same QEMU", "-incoming defer")
		}
	}
}

func TestCheckSilent(t *testing.T) {
	for _, command := range []string{"query-status", "query-migrate", "query-cpus-fast"} {
		for _, side := range []vm.Side{vm.Source, vm.Destination} {
			synctest.Test(t, func(t *testing.T) {
				fakes := map[vm.Side]*fake{vm.Source: newFake("10.0.2"), vm.Destination: waiting("10.0.2")}
				p := pairOf(t, fakes[vm.Source], fakes[vm.Destination])
				fakes[side].reply(command, silence)
				_, err := p.Check(t.Context())
				wants(t, err, "ask the "+string(side))
			})
		}
	}
}

// One end that is silent or gone does not keep a look from telling the other's state.
func TestLook(t *testing.T) {
	well := vm.End{Run: vm.RunStateRunning, Status: vm.StatusActive}
	for _, side := range []vm.Side{vm.Source, vm.Destination} {
		t.Run("silent "+string(side), func(t *testing.T) {
			for command, run := range map[string]vm.RunState{"query-status": "", "query-migrate": vm.RunStateRunning} {
				synctest.Test(t, func(t *testing.T) {
					fakes := map[vm.Side]*fake{vm.Source: newFake("10.0.2"), vm.Destination: waiting("10.0.2")}
					p := pairOf(t, fakes[vm.Source], fakes[vm.Destination])
					for _, f := range fakes {
						f.is(well.Run, object{"status": well.Status})
					}
					fakes[side].reply(command, silence)
					ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
					defer cancel()
					ends, err := p.Look(ctx)
					silent, other := ends.Source, ends.Destination
					if side == vm.Destination {
						silent, other = other, silent
					}
					if err == nil || other != well || silent.Run != run || silent.Status != "" || silent.Err == "" {
						t.Errorf("%s: %+v, %v", command, ends, err)
					}
				})
			}
		})
		t.Run("ended "+string(side), func(t *testing.T) {
			leaks(t)
			path, process := another(t)
			lives := newFake("10.0.2")
			lives.is(well.Run, object{"status": well.Status})
			paths := map[vm.Side]string{vm.Source: path, vm.Destination: lives.path(t)}
			if side == vm.Destination {
				paths = map[vm.Side]string{vm.Source: paths[vm.Destination], vm.Destination: path}
			}
			a, err := Open(t.Context(), paths[vm.Source])
			if err != nil {
				t.Fatal(err)
			}
			defer a.Close()
			b, err := Open(t.Context(), paths[vm.Destination])
			if err != nil {
				t.Fatal(err)
			}
			defer b.Close()
			p := NewPair(a, b, listen, "")
			defer p.Close()
			if err := process.Kill(); err != nil {
				t.Fatal(err)
			}
			if e := next(t, p, vm.EventLost); e.Side != side || e.Err == "" {
				t.Errorf("lost as %+v", e)
			}
			process.Wait()
			ends, err := p.Look(t.Context())
			gone, other := ends.Source, ends.Destination
			if side == vm.Destination {
				gone, other = other, gone
			}
			if err != nil || other != well || gone.Run != vm.RunStateGone || gone.Err == "" {
				t.Errorf("%+v, %v", ends, err)
			}
			if _, err := p.Check(t.Context()); err == nil {
				t.Error("a check passes")
			} else {
				wants(t, err, "ask the "+string(side), "the process has ended")
			}
		})
	}
}

// leaks fails a test that leaves goroutines behind. It comes before anything that is cleaned up.
func leaks(t *testing.T) {
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, before) })
}

// A QEMU that has ended and that its parent has not asked for yet is gone too, whatever its name holds.
func TestZombie(t *testing.T) {
	if zombie(os.Getpid()) || zombie(0) {
		t.Error("this test is no zombie")
	}
	_, process := another(t)
	if zombie(process.Pid) {
		t.Error("a process that runs is no zombie")
	}
	if err := process.Kill(); err != nil {
		t.Fatal(err)
	}
	for !zombie(process.Pid) {
		if t.Context().Err() != nil {
			t.Fatal("it never became one")
		}
		time.Sleep(time.Millisecond)
	}
}
