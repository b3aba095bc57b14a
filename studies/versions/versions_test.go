package main

import (
	"os"
	"strings"
	"testing"

	"walm/lab/debian"
	"walm/migrate"
	"walm/vm"
)

// The README is what the results give.
func TestReadme(t *testing.T) {
	t.Chdir("../..")
	text, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	made, err := made()
	if err != nil {
		t.Fatal(err)
	}
	if want, err := between(string(text), made); err != nil || want != string(text) {
		t.Errorf("it is not what the results give (%v): go run ./studies/versions tables", err)
	}
}

// A run goes on where the last one stopped, and each cell gets as many as were asked for.
func TestDue(t *testing.T) {
	all := due(debian.Bookworm, debian.Backports, 2, nil)
	if len(all) != 2*2*len(ways()) {
		t.Fatalf("%d due", len(all))
	}
	if same := due(debian.Bookworm, debian.Bookworm, 2, nil); len(same) != 2*len(ways()) {
		t.Errorf("%d due between hosts of one version", len(same))
	}
	for i := range all {
		left := due(debian.Bookworm, debian.Backports, 2, all[:i])
		if len(left) != len(all)-i || len(left) > 0 && left[0] != all[i] {
			t.Fatalf("after %d: %d left", i, len(left))
		}
	}
	if left := due(debian.Bookworm, debian.Backports, 2, all); len(left) != 0 {
		t.Errorf("%d left of nothing", len(left))
	}
}

// A move that QEMU calls completed counts only when the guest is whole, and a refusal only when it ran on.
func TestCell(t *testing.T) {
	good := Trial{State: migrate.Completed, Whole: true, DT: 2e6}
	bad := Trial{State: migrate.Completed, DT: 9e6, Err: "the guest's heart does not beat"}
	no := Trial{Refused: "why", Whole: true}
	for _, tt := range []struct {
		of   []Trial
		want string
	}{
		{[]Trial{good, good}, "2 of 2, 2ms"}, {[]Trial{good, bad}, "1 of 2, 2ms"}, {[]Trial{bad}, "0 of 1"},
		{[]Trial{no, no}, "refused (2)"}, {nil, "–"},
		{[]Trial{{Refused: "why", Err: "gone"}}, "0 of 1"},
	} {
		if got := cell(tt.of, []string{"else", "why"}); got != tt.want {
			t.Errorf("%+v: %q, want %q", tt.of, got, tt.want)
		}
	}
	if got := lower(198, 198); got < 0.98 || got > 0.982 {
		t.Errorf("198 of 198: %g", got)
	}
}

func TestWays(t *testing.T) {
	methods := map[vm.Method]bool{}
	for _, w := range ways() {
		methods[w.method] = true
		if find(w.name).method != w.method {
			t.Errorf("%s is not found", w.name)
		}
	}
	if len(methods) != len(vm.Methods()) {
		t.Errorf("%d methods of %d", len(methods), len(vm.Methods()))
	}
}

func TestNumbers(t *testing.T) {
	if got := numbers("pc-q35-10.0"); len(got) != 2 || got[0] != 10 {
		t.Errorf("%v", got)
	}
	if got := numbers("pc-q35-rhel"); got != nil {
		t.Errorf("%v", got)
	}
	for _, text := range []string{"", startMark, endMark + startMark} {
		if _, err := between(text, "x"); err == nil || !strings.Contains(err.Error(), "no place") {
			t.Errorf("%q: %v", text, err)
		}
	}
}
