package faults

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"walm/lab/debian"
	"walm/measure"
	"walm/vm"
)

var update = flag.Bool("update", false, "write the table in docs/faults.md anew")

// TestDocs: the table in the docs is the one that runs are held against.
func TestDocs(t *testing.T) { written(t, "../../docs/faults.md", "table", Table()) }

// TestStudy: what is told of the committed results is what they give.
func TestStudy(t *testing.T) {
	const dir = "../../studies/faults/"
	matrix, err := ReadResults(dir + "faults.jsonl.zst")
	if err != nil {
		t.Fatal(err)
	}
	row, err := ReadResults(dir + "soak.jsonl.zst")
	if err != nil {
		t.Fatal(err)
	}
	written(t, dir+"README.md", "report", "\n## The matrix\n\n"+Report(matrix)+"\n## Moves in a row\n\n"+Report(row)+
		"\nWhat was held after a move, and the most that the walm which made it had resident:\n\n```\n"+Trend(row)+"```\n")
}

// written wants a text between two marks of a file.
func written(t *testing.T, path, what, want string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, began := strings.Cut(string(text), "<!-- "+what+": written by `go test ./lab/faults -update` -->\n")
	is, after, ended := strings.Cut(rest, "<!-- end -->")
	if !began || !ended {
		t.Fatalf("%s has no place for the %s", path, what)
	}
	if *update {
		whole := strings.TrimSuffix(string(text), rest) + want + "<!-- end -->" + after
		if err := os.WriteFile(path, []byte(whole), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, is); diff != "" {
		t.Errorf("%s: run go test ./lab/faults -update:\n%s", path, diff)
	}
}

// TestExpectations: every cell expects something, and nothing that may never be.
func TestExpectations(t *testing.T) {
	for _, c := range Cells() {
		e := Expect(c)
		if len(e.End) == 0 {
			t.Errorf("%v expects nothing", c)
		}
		for _, s := range e.End {
			switch s {
			case Twice, Corrupted, HeldSource, HeldDest, Split, Hanging:
				t.Errorf("%v expects %s", c, s)
			}
		}
		late := c.Fault == NoMemory && mayBeLast(c) // the kernel ends it when it next needs a page, not at once
		if e.Allows(Gone) && e.Allows(AtSource) && c.Phase != Switchover && !late {
			t.Errorf("%v does not say whether the VM is kept", c)
		}
	}
}

func TestMatch(t *testing.T) {
	for pattern, want := range map[string]int{
		"pre-copy/first-pass/kill-source": 1,
		"pre-copy/first-pass/kill-*":      3,
		"*/*/read-only":                   6,
		"*/restoring/guest-*":             0,
		"nonsense":                        0,
		"pre-copy/[":                      0,
	} {
		cells, err := Match([]string{pattern})
		if len(cells) != want || (err != nil) != (want == 0) {
			t.Errorf("%q gives %d cells, %v; want %d", pattern, len(cells), err, want)
		}
	}
	whole, err := Match([]string{"pre-copy"})
	if err != nil || len(whole) < 4*20 {
		t.Errorf("a method alone gives %d cells, %v", len(whole), err)
	}
}

func TestStanding(t *testing.T) {
	runs := End{Process: "running", Run: vm.RunStateRunning, Beats: 7}
	waits := End{Process: "running", Run: vm.RunStateInmigrate}
	gone := End{Process: "gone"}
	for name, tt := range map[string]struct {
		s, d    End
		offline bool
		want    Standing
	}{
		"at the source":                 {runs, waits, false, AtSource},
		"at the source, the other dead": {runs, gone, false, AtSource},
		"at the destination":            {End{Process: "running", Run: vm.RunStatePostmigrate, Status: vm.StatusCompleted}, runs, false, AtDestination},
		"twice":                         {runs, runs, false, Twice},
		"twice, one by its heart alone": {runs, End{Process: "running", Run: vm.RunStatePaused, Beats: 3}, false, Twice},
		"nowhere":                       {gone, gone, false, Gone},
		"nobody has it":                 {gone, waits, false, Gone},
		"stopped, whole":                {End{Process: "running", Run: vm.RunStatePaused}, gone, false, HeldSource},
		"saved, whole":                  {End{Process: "running", Run: vm.RunStatePostmigrate, Status: vm.StatusCompleted}, gone, true, HeldSource},
		"handed over, and died there":   {End{Process: "running", Run: vm.RunStatePostmigrate, Status: vm.StatusCompleted}, gone, false, Gone},
		"loaded, not started":           {gone, End{Process: "running", Run: vm.RunStatePaused, Status: vm.StatusCompleted}, true, HeldDest},
		"post-copy, interrupted":        {End{Process: "running", Run: vm.RunStatePostmigrate, Status: vm.StatusPostcopyPaused}, End{Process: "running", Run: vm.RunStateRunning, Status: vm.StatusPostcopyPaused}, false, Split},
		"post-copy, the source dead":    {gone, End{Process: "running", Run: vm.RunStateRunning, Status: vm.StatusPostcopyPaused}, false, Gone},
		"post-copy, the dest dead":      {End{Process: "running", Run: vm.RunStatePostmigrate, Status: vm.StatusPostcopyPaused}, gone, false, Gone},
		"the source is stopped":         {End{Process: "stopped"}, waits, false, Hanging},
		"the source is mute":            {End{Process: "running", Err: "no answer"}, waits, false, Hanging},
		"panicked":                      {End{Process: "running", Run: vm.RunStatePanicked}, waits, false, Gone},
	} {
		if got := standing(Found{Source: tt.s, Destination: tt.d}, tt.offline); got != tt.want {
			t.Errorf("%s: %s, want %s", name, got, tt.want)
		}
	}
}

func TestJudge(t *testing.T) {
	found := func(s Standing) Found { return Found{Standing: s} }
	cell, ends := Cell{vm.PreCopy, FirstPass, KillDestination}, Cell{vm.Hybrid, Postcopy, KillSource}
	stuck := Found{Standing: Hanging, Source: End{Process: "gone"}, Destination: End{Process: "running", Err: "no answer"}}
	for name, tt := range map[string]struct {
		r    Result
		want Verdict
	}{
		"as expected":           {Result{Cell: cell, Word: Word{Claim: Stayed}, First: found(AtSource), Last: found(AtSource)}, Held},
		"walm is wrong":         {Result{Cell: cell, Word: Word{Claim: Moved}, First: found(AtSource), Last: found(AtSource)}, Untrue},
		"walm calls it lost":    {Result{Cell: cell, Word: Word{Claim: LostVM}, First: found(AtSource), Last: found(AtSource)}, Untrue},
		"walm does not know":    {Result{Cell: cell, Word: Word{Claim: Unsure}, First: found(AtSource), Last: found(AtSource)}, Held},
		"gone":                  {Result{Cell: cell, Word: Word{Claim: LostVM}, First: found(Gone), Last: found(Gone)}, Bad},
		"twice":                 {Result{Cell: cell, Word: Word{Claim: Stayed}, First: found(Twice), Last: found(AtSource)}, Bad},
		"corrupted":             {Result{Cell: cell, Word: Word{Claim: Stayed}, First: found(AtSource), Last: found(Corrupted)}, Bad},
		"held and not started":  {Result{Cell: cell, Word: Word{Claim: Unsure}, First: found(HeldSource), Last: found(HeldSource)}, Left},
		"hangs, source is gone": {Result{Cell: ends, Word: Word{Claim: Unsure}, First: stuck, Last: stuck}, Held},
		"hangs, and need not":   {Result{Cell: cell, Word: Word{Claim: Unsure}, First: stuck, Last: stuck}, Left},
		"safe, but elsewhere":   {Result{Cell: cell, Word: Word{Claim: Moved}, First: found(AtDestination), Last: found(AtDestination)}, Other},
		"recover's word counts": {Result{Cell: cell, Word: Word{Claim: Silent}, First: found(HeldSource), Last: found(AtSource), Recovery: &Word{Claim: LostVM}}, Untrue},
	} {
		if got, why := judge(tt.r); got != tt.want || (why == "") != (got == Held) {
			t.Errorf("%s: %s (%s), want %s", name, got, why, tt.want)
		}
	}
}

func TestClaims(t *testing.T) {
	for _, tt := range []struct {
		exit int
		text string
		want Claim
	}{
		{0, "", Moved}, {1, "", Stayed}, {124, "", Stayed}, {130, "", Stayed}, {2, "walm: no such socket", Refused},
		{2, "walm: the VM has moved; but the disk is full", Moved}, {3, "", Refused}, {5, "", Refused},
		{4, "walm: the VM is lost: the source is gone", LostVM},
		{4, "walm: the VM is paused between two hosts: ", Between},
		{4, "walm: where the VM runs is unknown: ", Unsure}, {-1, "", Silent},
	} {
		if got := claim(tt.exit, tt.text); got != tt.want {
			t.Errorf("exit code %d, %q: %s, want %s", tt.exit, tt.text, got, tt.want)
		}
	}
}

// TestResume: what is there is not done again, and a torn line is.
func TestResume(t *testing.T) {
	path := filepath.Join(t.TempDir(), "r.jsonl")
	p := Plan{Cells: Cells()[:3], QEMUs: []debian.Suite{debian.Bookworm, debian.Backports}, Rounds: 2}
	all := p.Trials()
	if len(all) != 12 {
		t.Fatalf("%d trials", len(all))
	}
	r, err := OpenResults(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range all[:5] {
		if err := r.Append(Result{Cell: x.Cell, Round: x.Round, QEMU: x.QEMU, Verdict: Held}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := OpenResults(path); err == nil {
		t.Error("a file that is being added to was opened")
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, info.Size()-7); err != nil {
		t.Fatal(err)
	}
	if r, err = OpenResults(path); err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := r.Append(Result{Cell: all[4].Cell, Round: all[4].Round, QEMU: all[4].QEMU, Verdict: Missed}); err != nil {
		t.Fatal(err)
	}
	left := p.Left(r)
	if len(left) != 8 || left[0] != all[4] {
		t.Errorf("%d are left, first %v", len(left), left[0])
	}
	if read, err := ReadResults(path); err != nil || len(read) != 5 {
		t.Errorf("%d results, %v", len(read), err)
	}
	if err := os.WriteFile(path+"x", []byte("{}\nnonsense\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenResults(path + "x"); err == nil || !strings.Contains(err.Error(), "line 2") {
		t.Errorf("nonsense was read: %v", err)
	}
}

func TestProbes(t *testing.T) {
	const still = 300 * time.Millisecond
	for _, tt := range []struct {
		f    Fault
		s    *measure.Service
		true bool
	}{
		{ProbesLost, &measure.Service{Sent: 1000, Lost: 360, Downtime: 350 * time.Millisecond}, true},
		{ProbesLost, &measure.Service{Sent: 1000, Lost: 10, Downtime: 350 * time.Millisecond}, false},
		{ProbesLost, &measure.Service{Sent: 1000, Lost: 360, Downtime: 8 * time.Second}, false},
		{ProbesLost, &measure.Service{Sent: 1000, Lost: 360, Downtime: 10 * time.Millisecond}, false},
		{ProbesDoubled, &measure.Service{Sent: 1000, Lost: 40, Downtime: 350 * time.Millisecond}, true},
		{ProbesDoubled, &measure.Service{Sent: 1000, Lost: 500, Downtime: 350 * time.Millisecond}, false},
		{ProbesDoubled, nil, false},
	} {
		if why := untrueProbes(tt.f, tt.s, still, 2*still); (why == "") != tt.true {
			t.Errorf("%s, %+v: %q", tt.f, tt.s, why)
		}
	}
}
