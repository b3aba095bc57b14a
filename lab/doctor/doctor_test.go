package doctor

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestRunGivesUpOnWhatDoesNotEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		began := time.Now()
		c := check{"stuck", time.Second, func(context.Context, Options) []Finding {
			<-release
			return nil
		}}
		got := c.run(t.Context(), Options{})
		if took := time.Since(began); took != time.Second+grace {
			t.Errorf("took %v", took)
		}
		if len(got) != 1 || got[0].Level != Problem || got[0].Name != "stuck" {
			t.Errorf("%+v", got)
		}
		close(release)
	})
}

func TestRunWaitsForCleaningUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := check{"slow", time.Second, func(ctx context.Context, _ Options) []Finding {
			<-ctx.Done()
			time.Sleep(grace - time.Second) // stands for the cleaning up; the clock is synctest's
			return []Finding{{Name: "slow", Level: OK}}
		}}
		if got := c.run(t.Context(), Options{}); len(got) != 1 || got[0].Level != OK {
			t.Errorf("%+v", got)
		}
	})
}

func TestExamineStopsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got := Examine(ctx, Options{}); len(got) != 0 {
		t.Errorf("%+v", got)
	}
}

func TestVerdicts(t *testing.T) {
	got := Verdicts([]Finding{
		{Name: "fine", Level: OK},
		{Name: "odd", Level: Note},
		{Name: "bad", Level: Problem, What: "is broken", Against: []Ability{Migrate, RunLab}},
		{Name: "dark", Level: Unknown, Against: []Ability{Watch}},
		{Name: "dark, and no matter", Level: Unknown},
	})
	want := []Verdict{
		{Watch, true, []string{}, []string{"dark"}},
		{Migrate, false, []string{"bad"}, []string{}},
		{RunLab, false, []string{"bad"}, []string{}},
	}
	if fmt.Sprintf("%#v", got) != fmt.Sprintf("%#v", want) {
		t.Errorf("\n%#v, want\n%#v", got, want)
	}
}

var shown = []Finding{
	{Name: "user", Level: OK, What: "root"},
	{Name: "boot with KVM", Level: Note, What: "no guest runs: " + strings.Repeat("word ", 20),
		Means: "it is slow", Mend: "use TCG"},
	{Name: "tap", Level: Problem, What: "none", Means: "no network", Mend: "modprobe tun", Against: []Ability{RunLab}},
	{Name: "clock", Level: Unknown, What: "cannot tell", Against: []Ability{Watch}},
}

func TestText(t *testing.T) {
	const want = `ok       user           root
note     boot with KVM  no guest runs: word word word word word word word word word word word word word word
                        word word word word word word
                        means  it is slow
                        mend   use TCG
problem  tap            none
                        means  no network
                        mend   modprobe tun
unknown  clock          cannot tell

walm can
  watch             yes, as far as could be tried; not tried: clock
  migrate           yes
  run its lab here  no, because of: tap
`
	var b bytes.Buffer
	if err := Text(&b, shown); err != nil {
		t.Fatal(err)
	}
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", &b, want)
	}
	if err := Text(full{}, shown); !errors.Is(err, errFull) {
		t.Errorf("to a full disk: %v", err)
	}
}

var errFull = errors.New("full")

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errFull }

func TestJSON(t *testing.T) {
	var b bytes.Buffer
	if err := JSON(&b, shown); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Schema   string
		Version  int
		Findings []map[string]any
		Can      []map[string]any
	}
	if err := json.Unmarshal(b.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if got.Schema != "walm.doctor" || got.Version != 1 || len(got.Findings) != len(shown) || len(got.Can) != 3 {
		t.Errorf("%s", &b)
	}
	for _, f := range got.Findings {
		for _, key := range []string{"name", "level", "what", "means", "mend", "against"} {
			if f[key] == nil {
				t.Errorf("finding %v has no %s", f["name"], key)
			}
		}
	}
	for _, v := range got.Can {
		if v["because"] == nil || v["unknown"] == nil {
			t.Errorf("null list: %v", v)
		}
	}
	noLab := func(v map[string]any) bool { return v["ability"] == string(RunLab) && v["yes"] == false }
	if !slices.ContainsFunc(got.Can, noLab) {
		t.Errorf("%s", &b)
	}
}
