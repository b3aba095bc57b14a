package progress

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/ansi"

	"walm/migrate"
	"walm/predict"
	"walm/vm"
)

var began = time.Date(2026, 11, 21, 10, 15, 0, 0, time.UTC)

func at(s float64) time.Time { return began.Add(time.Duration(s * 1e9)) }

func display(mode Mode, width int) (*Display, *bytes.Buffer) {
	var b bytes.Buffer
	return &Display{w: &colorprofile.Writer{Forward: &b, Profile: colorprofile.TrueColor}, mode: mode,
		width: func() int { return width }}, &b
}

func copying(pass int, remaining vm.Bytes, tmt time.Duration) Status {
	return Status{Phase: string(migrate.Copying), Method: vm.Hybrid, Started: began,
		Progress: vm.Progress{Pass: pass, Total: vm.GiB, Remaining: remaining, Rate: 118e6},
		Forecast: predict.Span{Lo: tmt - time.Second, Mid: tmt, Hi: tmt + time.Second}}
}

func TestShareNeverGoesBack(t *testing.T) {
	d, _ := display(Bar, 80)
	for _, c := range []struct {
		at   float64
		s    Status
		want float64
	}{
		{1, copying(1, vm.GiB, 4*time.Second), 0.25},
		{2, copying(1, vm.GiB/2, 4*time.Second), 0.5},
		{2.5, copying(2, vm.GiB/4, 50*time.Second), 0.5},    // the forecast grew
		{3, copying(2, vm.GiB/4, predict.Never), 0.5},       // and gave up hope
		{9, copying(2, 118e6, 4*time.Second), 0.9},          // late: one second of sending is left
		{10, copying(2, vm.KiB, 4*time.Second), 0.99},       // it has not ended before it says so
		{11, Status{Phase: "completed", Started: began}, 1}, // whatever the forecast
	} {
		d.Update(at(c.at), c.s)
		if diff := d.share - c.want; diff > 1e-9 || diff < -1e-9 {
			t.Errorf("at %v s: share %v, want %v", c.at, d.share, c.want)
		}
	}
}

func TestPostcopyEndsByItsBytes(t *testing.T) {
	s := copying(2, 118e6, time.Minute)
	s.Phase = string(migrate.Postcopying)
	if got := left(3*time.Second, s); got != time.Second {
		t.Errorf("left %v, want 1 s: 118 MB at 118 MB/s", got)
	}
}

// screen is what a terminal shows of s: a line is what follows its last return.
func screen(s string) []string {
	var lines []string
	for l := range strings.Lines(s) {
		l = strings.TrimSuffix(l, "\n")
		lines = append(lines, ansi.Strip(l[strings.LastIndex(l, "\r")+1:]))
	}
	return lines
}

func TestBar(t *testing.T) {
	d, b := display(Bar, 100)
	d.Step(at(-20), "fetching QEMU 10.0")
	d.Tick(at(-12))
	d.Step(at(-7.7), "booting the guest")
	d.Update(at(1), copying(1, 600*vm.MiB, 4*time.Second))
	s := copying(2, 212*vm.MiB, 4*time.Second)
	s.Phase, s.Note = string(migrate.Postcopying), "pass 1 has ended"
	d.Update(at(2), s)
	s.Progress = vm.Progress{} // no new reading: the last one stands
	d.Update(at(2.1), s)
	d.Done()
	d.Done()
	want := []string{
		"✓ fetching QEMU 10.0  12.3 s",
		"✓ booting the guest  8.70 s",
		"· pass 1 has ended",
		"hybrid · post-copy, no way back  ██████░░░░░  ends in 1.90 s  212 MiB left  118 MB/s  2.10 s so far",
	}
	got := screen(b.String())
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("shows\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestBarFits(t *testing.T) {
	for width := 1; width < 140; width++ {
		d, b := display(Bar, width)
		s := copying(12, 600*vm.MiB, 4*time.Second)
		s.Progress.Throttle = 40
		d.Update(at(1), s)
		d.Step(at(2), strings.Repeat("a long step ", 20))
		d.Tick(at(3))
		for l := range strings.SplitSeq(b.String(), "\r") {
			if w := ansi.StringWidth(strings.TrimSpace(l)); w > max(width-1, 1) {
				t.Fatalf("width %d: a line of %d: %q", width, w, l)
			}
		}
	}
}

func TestPlainWritesEachPhaseAndEachFiveSeconds(t *testing.T) {
	d, b := display(Plain, 80)
	d.Step(at(-3), "looking at vm1")
	for i := range 120 {
		s := copying(1+i/60, vm.GiB, 24*time.Second)
		d.Update(at(0.1*float64(i+1)), s)
	}
	d.Done()
	want := `looking at vm1 …
looking at vm1: 3.10 s
hybrid · pass 1: 0 %, ends in 23.9 s, 1 GiB left, 118 MB/s, 100 ms so far
hybrid · pass 1: 21 %, ends in 18.9 s, 1 GiB left, 118 MB/s, 5.10 s so far
hybrid · pass 2: 25 %, ends in 17.9 s, 1 GiB left, 118 MB/s, 6.10 s so far
hybrid · pass 2: 46 %, ends in 12.9 s, 1 GiB left, 118 MB/s, 11.1 s so far
`
	if b.String() != want {
		t.Errorf("wrote\n%s\nwant\n%s", b.String(), want)
	}
}

func TestJSON(t *testing.T) {
	d, b := display(JSON, 80)
	d.Step(at(-3), "looking at vm1")
	s := copying(3, 100*vm.MiB, 0)
	s.Forecast = predict.Span{Lo: time.Second, Mid: predict.Never, Hi: predict.Never}
	d.Update(at(1), s)
	want := `{"kind":"step","at":"2026-11-21T10:14:57Z","step":"looking at vm1"}
{"kind":"step-done","at":"2026-11-21T10:15:01Z","step":"looking at vm1","elapsed_seconds":4}
{"kind":"reading","at":"2026-11-21T10:15:01Z","elapsed_seconds":1,"method":"hybrid","phase":"copying","pass":3,` +
		`"done_share":0,"total_bytes":1073741824,"remaining_bytes":104857600,"transferred_bytes":0,` +
		`"rate_bytes_per_second":118000000,"dirty_rate_bytes_per_second":0,"throttle_percent":0,` +
		`"predicted_left_seconds":null,"predicted_tmt_seconds":{"lo":1,"mid":null,"hi":null},"note":""}
`
	if b.String() != want {
		t.Errorf("wrote\n%s\nwant\n%s", b.String(), want)
	}
	for l := range strings.Lines(b.String()) {
		var line Line
		if err := json.Unmarshal([]byte(l), &line); err != nil {
			t.Error(err)
		}
	}
}

func TestNoneIsSilent(t *testing.T) {
	d, b := display(None, 80)
	d.Step(at(0), "looking")
	d.Tick(at(1))
	d.Update(at(2), copying(1, vm.GiB, time.Second))
	d.Abort()
	d.Done()
	if b.Len() > 0 {
		t.Errorf("wrote %q", b)
	}
}

func TestAbortedStepIsNotDone(t *testing.T) {
	d, b := display(Bar, 80)
	d.Step(at(0), "booting the guest")
	d.Abort()
	if got := strings.Join(screen(b.String()), "\n"); got != "✗ booting the guest" {
		t.Errorf("shows %q", got)
	}
}

// A bar is for a terminal: elsewhere its returns and escapes would fill a log.
func TestNoBarWithoutTerminal(t *testing.T) {
	for _, mode := range []Mode{Auto, Bar} {
		var b bytes.Buffer
		d := New(&b, mode)
		d.Step(at(0), "looking")
		d.Update(at(1), copying(1, vm.GiB, 4*time.Second))
		d.Done()
		if strings.ContainsAny(b.String(), "\r\x1b") || b.Len() == 0 {
			t.Errorf("mode %s: wrote %q", mode, b.String())
		}
	}
}

func TestColorful(t *testing.T) {
	f, err := os.Create(t.TempDir() + "/out")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, c := range []struct {
		environ []string
		want    bool
	}{
		{[]string{"TERM=xterm-256color"}, false}, // a file
		{[]string{"TERM=xterm-256color", "CLICOLOR_FORCE=1"}, true},
		{[]string{"TERM=xterm-256color", "CLICOLOR_FORCE=1", "NO_COLOR=yes"}, false},
	} {
		if got := Colorful(f, c.environ); got != c.want {
			t.Errorf("%v: %v", c.environ, got)
		}
	}
}

// A move that was given up has no end to tell of, and no share of it.
func TestGivenUp(t *testing.T) {
	for _, mode := range []Mode{Bar, Plain} {
		d, b := display(mode, 100)
		d.Update(at(1), copying(1, 600*vm.MiB, 4*time.Second))
		s := copying(1, 600*vm.MiB, 4*time.Second)
		s.Phase = string(migrate.Returning)
		d.Update(at(2), s)
		d.Done()
		lines := screen(b.String())
		if last := lines[len(lines)-1]; !strings.Contains(last, "given up, the VM is to run on at the source") || strings.Contains(last, "ends in") ||
			strings.ContainsAny(last, "%█░") || !strings.Contains(last, "2 s so far") {
			t.Errorf("mode %v: %q", mode, last)
		}
	}
}
