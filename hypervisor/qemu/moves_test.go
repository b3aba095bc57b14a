package qemu

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"walm/decide"
	"walm/hypervisor/qmp"
	"walm/hypervisor/qmp/qmptest"
	"walm/migrate"
	"walm/vm"
)

// move is one of those in testdata: made once with real QEMUs of each version (TestRecord), replayed ever since.
type move struct {
	name      string
	method    vm.Method
	params    func(*vm.Params)
	interrupt migrate.State // when the user interrupts; empty: never
	memory    vm.Bytes      // of the destination, where it is not as at the source
	want      migrate.State
}

// The guest (see bootSector) writes 1.2 MB/s within 512 KiB, so that 600 kB/s with a limit of 200 ms never end.
var moves = []move{
	{name: "pre-copy", method: vm.PreCopy, params: func(p *vm.Params) { p.Bandwidth = 4e6 }, want: migrate.Completed},
	{name: "stop-and-copy", method: vm.StopAndCopy, want: migrate.Completed},
	{name: "auto-converge", method: vm.AutoConverge, params: func(p *vm.Params) {
		p.Bandwidth, p.DowntimeLimit = 6e5, 200*time.Millisecond
		p.ThrottleInitial, p.ThrottleIncrement = 60, 39
	}, want: migrate.Completed},
	{name: "post-copy", method: vm.PostCopy, params: func(p *vm.Params) { p.Bandwidth, p.Preempt = 1e6, true },
		want: migrate.Completed},
	{name: "post-copy-too-late", method: vm.PostCopy, params: func(p *vm.Params) { p.DowntimeLimit = vm.DefaultDowntimeLimit },
		want: migrate.Completed}, // all memory was there before the switch
	{name: "hybrid", method: vm.Hybrid, params: func(p *vm.Params) { p.Bandwidth, p.Preempt = 1e6, true },
		want: migrate.Completed},
	{name: "interrupted", method: vm.PreCopy, params: func(p *vm.Params) { p.Bandwidth = 1e6 },
		interrupt: migrate.Copying, want: migrate.Cancelled},
	{name: "other-memory", method: vm.PreCopy, memory: 48 * vm.MiB, want: migrate.Failed},
}

var update = flag.Bool("update", false, "write down anew what the driver tells of the recorded moves")

var versions = []string{"7.2", "10.0"}

// listen is where the recorded destinations listened.
const listen = "127.0.0.1:49777"

func (m move) plan() decide.Plan {
	p := decide.Plan{Method: m.method, Params: vm.DefaultParams(m.method)}
	if m.params != nil {
		m.params(&p.Params)
	}
	return p
}

// carry makes the move with a pair.
func (m move) carry(t *testing.T, source, destination *VM) migrate.Result {
	t.Helper()
	pair := NewPair(source, destination, listen, "")
	defer pair.Close()
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	watch := migrate.Watch{Update: func(u migrate.Update) {
		if u.State == m.interrupt {
			interrupt()
		}
	}}
	res, err := migrate.Run(ctx, pair, migrate.New(m.plan(), nil), watch)
	if err != nil || res.State != m.want {
		t.Errorf("%s, %s, %v; want %s", res.State, res.Reason, err, m.want)
	}
	return res
}

// TestMoves replays real migrations through real connections, and wants what the driver tells of them to stay as it is.
// With -update, or after TestRecord, what it tells is written down anew: look at the difference before you commit it.
// Readings between the passes are left out.
func TestMoves(t *testing.T) {
	for _, version := range versions {
		for _, m := range moves {
			t.Run(version+"/"+m.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					base := filepath.Join("testdata", version, m.name)
					var got string
					replay(t, base+".qmp.gz", func(source, destination *VM) {
						got = tell(m.carry(t, source, destination))
					})
					if *update {
						if err := os.WriteFile(base+".events", []byte(got), 0o666); err != nil {
							t.Fatal(err)
						}
					}
					want, err := os.ReadFile(base + ".events")
					if err != nil {
						t.Fatal(err)
					}
					if diff := cmp.Diff(string(want), got); diff != "" {
						t.Error(diff)
					}
				})
			})
		}
	}
}

// replay joins two VMs to the QEMUs of a transcript.
func replay(t *testing.T, file string, f func(source, destination *VM)) {
	t.Helper()
	r := qmptest.NewReplay(t, qmptest.Load(t, file))
	source, destination := attach(t, r, vm.Source), attach(t, r, vm.Destination)
	f(source, destination)
	source.Close()
	destination.Close()
	r.Wait()
}

// attach is Open for a connection that does not come from a socket.
func attach(t *testing.T, r *qmptest.Replay, side vm.Side) *VM {
	t.Helper()
	c, err := qmp.New(t.Context(), r.Dial(string(side)))
	if err != nil {
		t.Fatal(err)
	}
	f, err := probe(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return &VM{Features: f, Path: string(side), conn: c}
}

// tell writes down what a move told, one line an event, by QEMU's own stamps: which of two monitors is heard first when
// both speak within a millisecond is chance.
func tell(res migrate.Result) string {
	var b strings.Builder
	var events []vm.Event
	for _, e := range res.Events {
		switch e.Kind {
		case vm.EventProgress:
		case vm.EventLost: // has no stamp, and may come when all is over: TestLost wants it
		default:
			events = append(events, e)
		}
	}
	slices.SortStableFunc(events, func(x, y vm.Event) int { return x.At.Compare(y.At) })
	for _, e := range events {
		fmt.Fprintf(&b, "%8.3f %-11s %s", e.At.Sub(events[0].At).Seconds(), e.Side, e.Kind)
		switch e.Kind {
		case vm.EventStatus:
			fmt.Fprintf(&b, " %s", e.Status)
		case vm.EventPass:
			fmt.Fprintf(&b, " %d", e.Pass)
		}
		if p := e.Progress; p != nil {
			fmt.Fprintf(&b, ": pass %d, %d of %d left, %d sent", p.Pass, p.Remaining, p.Total, p.Transferred)
			if p.Throttle > 0 {
				fmt.Fprintf(&b, ", throttle %d %%", p.Throttle)
			}
			if p.TotalTime > 0 {
				fmt.Fprintf(&b, "; in %s, downtime %s, %d+%d+%d bytes, %d faults", p.TotalTime, p.Downtime,
					p.PrecopyBytes, p.DowntimeBytes, p.PostcopyBytes, p.Faults)
			}
		}
		if e.Err != "" {
			fmt.Fprintf(&b, " (%s)", e.Err)
		}
		b.WriteByte('\n')
	}
	for _, d := range res.Decisions {
		fmt.Fprintf(&b, "decided: %s, %s\n", d.Move, d.Reason)
	}
	fmt.Fprintf(&b, "%s: %s\nsource %s %s, destination %s %s\n", res.State, res.Reason,
		res.Ends.Source.Run, res.Ends.Source.Status, res.Ends.Destination.Run, res.Ends.Destination.Status)
	return b.String()
}
