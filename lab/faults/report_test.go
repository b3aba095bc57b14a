package faults

import (
	"strings"
	"testing"

	"walm/vm"
)

func TestReport(t *testing.T) {
	c := Cell{vm.PreCopy, FirstPass, KillDestination}
	good := Result{Cell: c, QEMU: "bookworm", Verdict: Held, First: Found{Standing: AtSource}, Last: Found{Standing: AtSource}}
	bad := Result{Cell: c, QEMU: "bookworm", Verdict: Bad, Why: "it | is\ngone", First: Found{Standing: Gone}, Last: Found{Standing: Gone}}
	twice := Result{Cell: c, QEMU: "bookworm", Verdict: Bad, Why: "twice", First: Found{Standing: Twice}, Last: Found{Standing: AtSource}}
	missed := Result{Cell: c, Verdict: Missed}
	plain := Result{Cell: Cell{vm.PreCopy, FirstPass, None}, Verdict: Held}
	text := Report([]Result{good, good, bad, twice, missed, plain})
	for _, want := range []string{
		"6 migrations, 4 of them with a fault in the phase that was wanted; 1 of ",
		"| as expected, and walm's word true | 2 |", "| running at both ends | 1 |", "| memory not as it was written | 0 |",
		"| gone, where a copy was expected to be kept | 1 |", "| pre-copy | first-pass | 4 | 2 |",
		`| pre-copy/first-pass/kill-destination | bookworm | bad | it \| is gone |  |`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	if strings.Contains(Report([]Result{good}), "| cell |") {
		t.Error("nothing is unexpected, and a table of it is there")
	}
}

func TestTrend(t *testing.T) {
	var all []Result
	for n := 1; n <= 25; n++ {
		all = append(all, Result{Round: n, QEMU: "bookworm", Guest: 3, Leaks: &Reading{RSS: vm.Bytes(n) * vm.MiB, Descriptors: 20}})
	}
	text := Trend(all)
	if lines := strings.Count(text, "\n"); lines < 6 || lines > 8 || !strings.Contains(text, "25 MiB") {
		t.Errorf("%d lines:\n%s", lines, text)
	}
}

// FuzzParse: a results file may hold anything.
func FuzzParse(f *testing.F) {
	f.Add([]byte("{\"method\":\"pre-copy\",\"verdict\":\"held\"}\n{}\n"))
	f.Add([]byte("\n\x00{"))
	f.Fuzz(func(t *testing.T, text []byte) {
		all, err := parse(text)
		if err == nil {
			Report(all)
			Trend(all)
		}
	})
}

// TestProxy: each manner falsifies what it is to, and nothing else.
func TestProxy(t *testing.T) {
	const event = `{"timestamp": {"seconds": 1000, "microseconds": 5}, "event": "STOP"}` + "\r\n"
	const later = `{"timestamp": {"seconds": 1001, "microseconds": 5}, "event": "RESUME"}` + "\r\n"
	const answer = `{"return": {"status": "running"}, "id": 7}` + "\r\n"
	const done = `{"return": {}, "id": 8}` + "\r\n"
	const greeting = `{"QMP": {"version": {}}}` + "\r\n"
	for _, tt := range []struct {
		m    manner
		want string
	}{
		{honest, greeting + event + later + answer + done},
		{mute, ""},
		{ahead, greeting + strings.Replace(event, "1000", "4600", 1) + strings.Replace(later, "1001", "4601", 1) + answer + done},
		{disorder, greeting + later + later + event + answer + done},
		{lying, greeting + event + later + `{"return": {"status": "dreaming", "running": false}, "id": 7}` + "\r\n" +
			`{"error": {"class": "GenericError", "desc": "said by a proxy that lies"}, "id": 8}` + "\r\n"},
	} {
		p := &proxy{commands: map[string]string{}, manner: tt.m}
		p.note([]byte(`{"execute": "query-status", "id": 7}` + "\n" + `{"execute": "cont", "id": 8}` + "\n" + `{"exec`))
		var got strings.Builder
		for _, line := range []string{greeting, event, later, answer, done} {
			for _, out := range p.falsify([]byte(line)) {
				got.Write(out)
			}
		}
		if got.String() != tt.want {
			t.Errorf("%q:\n%s\nwant\n%s", tt.m, got.String(), tt.want)
		}
	}
}
