package measure

import (
	"encoding/binary"
	"net"
	"testing"
	"time"

	"walm/vm"
)

var allRuns = []vm.RunState{vm.RunStateUnknown, vm.RunStateRunning, vm.RunStatePaused, vm.RunStateInmigrate,
	vm.RunStatePostmigrate, "finish-migrate", vm.RunStatePanicked, vm.RunStateShutdown, vm.RunStateGone}

var allStatuses = []vm.Status{vm.StatusNone, vm.StatusSetup, vm.StatusActive, vm.StatusDevice, vm.StatusPostcopyActive,
	vm.StatusPostcopyPaused, vm.StatusPostcopyRecover, vm.StatusCompleted, vm.StatusFailed, vm.StatusCancelled, vm.StatusCancelling}

// flattered is evidence as a hostile guest would like it to be: it answers every probe, its heart beats at both ends until long
// after the end, and its memory is fine.
func flattered(e Evidence) Evidence {
	over := e.Started.Add(time.Hour)
	e.Memory = &Memory{Pages: 1 << 40, Alive: true}
	e.Disk = &Disk{}
	for i := range 8 {
		at := e.Started.Add(time.Duration(i) * 100 * time.Millisecond)
		e.Beats = append(e.Beats, Beat{At: at, Up: time.Duration(i), Ops: uint64(i) << 50, Side: vm.Source},
			Beat{At: over, Up: time.Duration(i), Ops: ^uint64(0) - uint64(i), Side: vm.Destination})
		e.Probes = append(e.Probes, Echo{Seq: i, Sent: at, At: over})
		e.Pings = append(e.Pings, Echo{Seq: i, Sent: at, At: over})
	}
	return e
}

// TestForged: in every state that the hosts can tell of both ends, nothing that a guest says makes an outcome better than
// what the hosts' own evidence gives, and a VM that no end runs never counts as moved or as at home.
func TestForged(t *testing.T) {
	began := time.Unix(1e9, 0)
	n := 0
	for _, src := range allRuns {
		for _, dst := range allRuns {
			for _, s := range allStatuses {
				for _, d := range allStatuses {
					e := Evidence{Started: began, Ends: vm.Ends{Source: vm.End{Run: src, Status: s}, Destination: vm.End{Run: dst, Status: d}},
						Events: []vm.Event{{At: began.Add(time.Second), Kind: vm.EventStatus, Side: vm.Source, Status: s}}}
					host, told := Assess(e), Assess(flattered(e))
					n++
					if told.Result != host.Result {
						t.Fatalf("%+v: the hosts say %s, and with the guest's word it is %s", e.Ends, host.Result, told.Result)
					}
					if told.Result == Moved && dst != vm.RunStateRunning || (told.Result == Stayed || told.Result == Cancelled) && src != vm.RunStateRunning {
						t.Fatalf("%+v: %s, and nothing runs there", e.Ends, told.Result)
					}
				}
			}
		}
	}
	t.Logf("%d states of both ends", n)
}

// FuzzGuestWord: whatever a guest says, when it likes and as often as it likes, walm lives, and the outcome is the hosts' or
// worse for the guest itself.
func FuzzGuestWord(f *testing.F) {
	f.Add([]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18}, true, uint64(0), uint8(1), uint8(5))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, false, ^uint64(0), uint8(3), uint8(8))
	f.Fuzz(func(t *testing.T, said []byte, alive bool, bad uint64, run, status uint8) {
		began := time.Unix(1e9, 0)
		e := Evidence{Started: began, Ends: vm.Ends{
			Source:      vm.End{Run: allRuns[int(run)%len(allRuns)], Status: allStatuses[int(status)%len(allStatuses)]},
			Destination: vm.End{Run: allRuns[int(run/16)%len(allRuns)], Status: allStatuses[int(status/16)%len(allStatuses)]}}}
		host := Assess(e).Result
		e.Memory = &Memory{Alive: alive, Bad: int(bad), Pages: int(bad >> 3), Err: string(said)}
		for b := said; len(b) >= 18; b = b[18:] {
			at := began.Add(time.Duration(binary.LittleEndian.Uint64(b)))
			side := vm.Source
			if b[16]&1 == 1 {
				side = vm.Destination
			}
			e.Beats = append(e.Beats, Beat{At: at, Up: time.Duration(binary.LittleEndian.Uint64(b[4:])), Ops: binary.LittleEndian.Uint64(b[8:]), Side: side})
			e.Probes = append(e.Probes, Echo{Seq: int(b[17]), Sent: at, At: at.Add(time.Duration(int8(b[16])) * time.Millisecond)})
		}
		if got := Assess(e).Result; got != host && got != Lost {
			t.Errorf("the hosts say %s, and with the guest's word it is %s", host, got)
		}
	})
}

// TestFlood: a guest that answers without end neither keeps the prober from probing nor from stopping.
func TestFlood(t *testing.T) {
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	guest, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer guest.Close()
	end := make(chan struct{})
	defer close(end)
	for range 2 {
		go func() {
			for junk := make([]byte, 9); ; {
				select {
				case <-end:
					return
				default:
					_, _ = guest.WriteTo(junk, conn.LocalAddr())
				}
			}
		}()
	}
	p, err := StartProbe(conn, guest.LocalAddr(), time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(500 * time.Millisecond)
	began := time.Now()
	echoes, err := p.Stop()
	if took := time.Since(began); took > 10*time.Second || err != nil {
		t.Errorf("stopping took %v, %v", took, err)
	}
	if len(echoes) < 20 { // of 500: how often the thread is let run on a busy machine is not the question
		t.Errorf("%d probes were sent", len(echoes))
	}
	for _, e := range echoes {
		if !e.At.IsZero() {
			t.Error("junk passes for an answer")
			break
		}
	}
}
