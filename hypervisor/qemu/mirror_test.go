package qemu

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"walm/hypervisor/qmp/qmptest"
	"walm/vm"
)

// diskOf is how a fake tells of a disk.
func diskOf(qdev, node string, size vm.Bytes, readOnly bool) object {
	return object{"device": "", "qdev": qdev,
		"inserted": object{"node-name": node, "ro": readOnly, "image": object{"virtual-size": size}}}
}

// disked is a pair of fakes whose disk is copied. The state of the copy is the test's to set.
type disked struct {
	source, destination *fake
	pair                *Pair

	mu  sync.Mutex
	job object // nil: there is none
}

func newDisked(t *testing.T) *disked {
	d := &disked{source: newFake("10.0.2"), destination: waiting("10.0.2")}
	empty := func(qmptest.Command) (any, error) { return object{}, nil }
	d.source.reply("query-block", func(qmptest.Command) (any, error) {
		return []object{diskOf("/disk", "one", vm.GiB, false), diskOf("/cdrom", "two", vm.MiB, true), {"device": "floppy"}}, nil
	})
	d.destination.reply("query-block", func(qmptest.Command) (any, error) {
		return []object{diskOf("/disk", "uno", vm.GiB, false)}, nil
	})
	for _, name := range []string{"nbd-server-start", "nbd-server-stop", "block-export-add"} {
		d.destination.reply(name, empty)
	}
	for _, name := range []string{"blockdev-add", "blockdev-del", "migrate-continue"} {
		d.source.reply(name, empty)
	}
	d.source.reply("blockdev-mirror", func(qmptest.Command) (any, error) {
		d.is("running", "")
		return object{}, nil
	})
	d.source.reply("block-job-cancel", func(c qmptest.Command) (any, error) {
		failure := ""
		if strings.Contains(string(c.Arguments), "force") {
			failure = "Operation canceled"
		}
		d.is(jobConcluded, failure)
		return object{}, nil
	})
	d.source.reply("job-dismiss", func(qmptest.Command) (any, error) {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.job = nil
		return object{}, nil
	})
	d.source.reply("query-jobs", func(qmptest.Command) (any, error) {
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.job == nil {
			return []object{}, nil
		}
		return []object{d.job}, nil
	})
	d.pair = pairOf(t, d.source, d.destination)
	d.pair.CopyDisks = true
	return d
}

// is sets the state of the copy.
func (d *disked) is(status, failure string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.job = object{"id": "walm-copy-one", "type": "mirror", "status": status, "current-progress": 7, "total-progress": 9}
	if failure != "" {
		d.job["error"] = failure
	}
}

// sent are the names of the commands that a fake was given since the last call.
func sent(f *fake) string {
	var names []string
	for _, s := range f.did() {
		name, _, _ := strings.Cut(s, " ")
		names = append(names, name)
	}
	return strings.Join(names, " ")
}

// seen is what a look says of the source's migration.
func (d *disked) seen(t *testing.T) vm.End {
	t.Helper()
	ends, err := d.pair.Look(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return ends.Source
}

// TestDisksGoFirst: memory is sent once the disks have caught up, and the VM handed over once the copies are finished.
func TestDisksGoFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisked(t)
		do(t, d.pair, vm.ActPrepare, vm.PreCopy, vm.Params{Bandwidth: 5e6})
		for side, f := range map[vm.Side]*fake{vm.Source: d.source, vm.Destination: d.destination} {
			if !f.caps["pause-before-switchover"] {
				t.Errorf("the %s does not wait before the switch", side)
			}
			f.did()
		}
		do(t, d.pair, vm.ActStart, vm.PreCopy, vm.Params{Bandwidth: 5e6})
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := sent(d.destination); got != "nbd-server-start block-export-add" {
			t.Errorf("the destination was asked to %s", got)
		}
		want := []string{
			`blockdev-add {"driver":"nbd","export":"walm-uno","node-name":"walm-to-one",` +
				`"server":{"host":"127.0.0.1","port":"49778","type":"inet"}}`,
			`blockdev-mirror {"auto-dismiss":false,"copy-mode":"write-blocking","device":"one","job-id":"walm-copy-one",` +
				`"speed":5000000,"sync":"full","target":"walm-to-one"}`,
		}
		if got := d.source.did(); !slices.Equal(got, want) {
			t.Errorf("the source was asked to %q, want %q", got, want)
		}
		if e := d.seen(t); e.Status != vm.StatusSetup {
			t.Errorf("while its disks are copied, the source's migration is %s", e.Status)
		}
		d.is(jobReady, "")
		time.Sleep(time.Second)
		synctest.Wait()
		if got := sent(d.source); got != "migrate" {
			t.Errorf("once the disks had caught up: %s", got)
		}
		d.source.is("finish-migrate", object{"status": "pre-switchover"})
		d.source.status(statusPaused)
		for e := range d.pair.Events() {
			if e.Kind == vm.EventDisks {
				if e.Progress.Total != vm.GiB {
					t.Errorf("disks of %v", e.Progress.Total)
				}
				break
			}
		}
		if got := sent(d.source); got != "block-job-cancel job-dismiss blockdev-del migrate-continue" {
			t.Errorf("at the switch the source was asked to %s", got)
		}
		if got := sent(d.destination); got != "nbd-server-stop" {
			t.Errorf("at the switch the destination was asked to %s", got)
		}
		if e := d.seen(t); e.Status != statusPaused {
			t.Errorf("a look says %s, and not what the source says", e.Status)
		}
		do(t, d.pair, vm.ActRelease, vm.PreCopy, vm.Params{})
	})
}

// TestDisksFail: wherever a copy ends badly, nothing of it is left and the VM is where it was.
func TestDisksFail(t *testing.T) {
	const cleared = "block-job-cancel job-dismiss blockdev-del"
	for _, tt := range []struct {
		name    string
		started bool // memory is being sent
		happens func(t *testing.T, d *disked)
		asked   string // of the source
		status  vm.Status
		why     string
	}{
		{"before memory", false, func(t *testing.T, d *disked) { d.is(jobConcluded, "No space left on device") },
			"job-dismiss blockdev-del", vm.StatusFailed, "No space left"},
		{"cancelled", false, func(t *testing.T, d *disked) { do(t, d.pair, vm.ActCancel, vm.PreCopy, vm.Params{}) },
			cleared, vm.StatusCancelled, ""},
		{"beside memory", true, func(t *testing.T, d *disked) { d.is(jobConcluded, "Input/output error") },
			"migrate_cancel job-dismiss blockdev-del", vm.StatusFailed, "Input/output error"},
		{"cancelled with memory", true, func(t *testing.T, d *disked) { do(t, d.pair, vm.ActCancel, vm.PreCopy, vm.Params{}) },
			"migrate_cancel " + cleared, vm.StatusCancelled, ""},
		{"as the VM is stopped", true, func(t *testing.T, d *disked) {
			d.source.reply("block-job-cancel", func(qmptest.Command) (any, error) {
				d.is(jobConcluded, "Broken pipe")
				return object{}, nil
			})
			d.source.is("finish-migrate", object{"status": "pre-switchover"})
			d.source.status(statusPaused)
		}, "block-job-cancel job-dismiss migrate_cancel blockdev-del", vm.StatusFailed, "Broken pipe"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDisked(t)
				d.source.reply("migrate", func(qmptest.Command) (any, error) {
					d.source.is(vm.RunStateRunning, object{"status": "active"})
					return object{}, nil
				})
				d.source.reply("migrate_cancel", func(qmptest.Command) (any, error) {
					d.source.is(vm.RunStateRunning, object{"status": "cancelled"})
					d.source.status(vm.StatusCancelled)
					return object{}, nil
				})
				do(t, d.pair, vm.ActPrepare, vm.PreCopy, vm.Params{})
				do(t, d.pair, vm.ActStart, vm.PreCopy, vm.Params{})
				if tt.started {
					time.Sleep(time.Second)
					d.is(jobReady, "")
				}
				time.Sleep(time.Second)
				synctest.Wait()
				d.source.did()
				tt.happens(t, d)
				next(t, d.pair, vm.EventStatus)
				time.Sleep(time.Second)
				synctest.Wait()
				if got := sent(d.source); got != tt.asked {
					t.Errorf("the source was asked to %s, want %s", got, tt.asked)
				}
				if got := sent(d.destination); !strings.HasSuffix(got, "nbd-server-stop") {
					t.Errorf("the destination was asked to %s", got)
				}
				if e := d.seen(t); e.Run != vm.RunStateRunning || e.Status != tt.status || !strings.Contains(e.Err, tt.why) {
					t.Errorf("the source: %+v, want %s because of %q", e, tt.status, tt.why)
				}
				do(t, d.pair, vm.ActRelease, vm.PreCopy, vm.Params{})
			})
		})
	}
}

// TestNoSuchDisk: what the destination cannot take is said before anything is begun.
func TestNoSuchDisk(t *testing.T) {
	for name, tt := range map[string]struct {
		there []object
		says  string
	}{
		"none":          {[]object{}, "start it with an empty image of 1 GiB"},
		"another":       {[]object{diskOf("/other", "uno", vm.GiB, false)}, "no disk /disk"},
		"smaller":       {[]object{diskOf("/disk", "uno", vm.MiB, false)}, "1 GiB at the source and 1 MiB at the destination"},
		"not to be had": {[]object{diskOf("/disk", "uno", vm.GiB, true)}, "no disk /disk"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDisked(t)
				d.destination.reply("query-block", func(qmptest.Command) (any, error) { return tt.there, nil })
				wants(t, d.pair.Do(t.Context(), vm.Act{Kind: vm.ActPrepare, Method: vm.PreCopy}), tt.says)
			})
		})
	}
}

func TestDiskPort(t *testing.T) {
	for listen, want := range map[string]string{"10.77.0.2:49152": "10.77.0.2 49153", "[::1]:1": "::1 2", "h:65534": "h 65535",
		"h:65535": "", "h:0": "", "h:x": "", "h": ""} {
		host, port, err := (&Pair{Listen: listen}).nbdAddress()
		if got := fmt.Sprint(host, " ", port); err == nil && got != want || err != nil && want != "" {
			t.Errorf("next to %s: %s, %v; want %s", listen, got, err, want)
		}
	}
}

// TestVanishedJob: a copy that is gone without a word is no copy.
func TestVanishedJob(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDisked(t)
		if _, err := d.pair.Source.concluded(t.Context(), "walm-copy-one"); err == nil {
			t.Error("a job that is not there has concluded")
		}
		d.source.reply("query-jobs", func(qmptest.Command) (any, error) { return nil, errors.New("no") })
		if _, err := d.pair.ready(t.Context(), nil); err == nil {
			t.Error("jobs that cannot be asked for are ready")
		}
	})
}
