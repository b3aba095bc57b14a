package load

import (
	"strings"
	"testing"

	"walm/vm"
)

func TestParse(t *testing.T) {
	for _, c := range []struct {
		in   string
		want Workload
		out  string // how it is written back
	}{
		{"idle", Workload{Kind: Idle}, "idle"},
		{"cpu", Workload{Kind: CPU, Load: 100}, "cpu:load=100"},
		{"cpu:load=70", Workload{Kind: CPU, Load: 70}, "cpu:load=70"},
		{"static:wset=1G", Workload{Kind: Static, WorkingSet: vm.GiB}, "static:wset=1GiB"},
		{"cyclic:wset=256MiB,rate=20000,fill=64B",
			Workload{Kind: Cyclic, WorkingSet: 256 * vm.MiB, Rate: 20000, Fill: 64},
			"cyclic:wset=256MiB,rate=20000,fill=64B"},
		{"cyclic:wset=64M", Workload{Kind: Cyclic, WorkingSet: 64 * vm.MiB, Fill: 64}, "cyclic:wset=64MiB,rate=max,fill=64B"},
		{"random:fill=4KiB,rate=max,wset=8KiB",
			Workload{Kind: Random, WorkingSet: 8 * vm.KiB, Fill: vm.Page}, "random:wset=8KiB,rate=max,fill=4KiB"},
		{"read:wset=1000000B,rate=5", Workload{Kind: Read, WorkingSet: 245 * vm.Page, Rate: 5}, "read:wset=980KiB,rate=5"},
	} {
		got, err := Parse(c.in)
		if err != nil || got != c.want {
			t.Errorf("Parse(%q) = %+v, %v; want %+v", c.in, got, err, c.want)
		}
		if got.String() != c.out {
			t.Errorf("Parse(%q) is written back as %q, want %q", c.in, got, c.out)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for in, want := range map[string]string{
		"":                                "one of idle, cpu, cyclic, random, read, static",
		"stress":                          "one of idle, cpu, cyclic, random, read, static",
		"Idle":                            "unknown workload",
		"idle:":                           "takes no settings",
		"idle:load=3":                     "takes no settings",
		"cpu:load=0":                      "from 1 to 100",
		"cpu:load=101":                    "from 1 to 100",
		"cpu:load=-1":                     "from 1 to 100",
		"cpu:load=":                       "from 1 to 100",
		"cpu:wset=1M":                     "cpu takes load",
		"cyclic":                          "needs its working set",
		"cyclic:rate=3":                   "needs its working set",
		"cyclic:wset=256":                 "no unit",
		"cyclic:wset=0MiB":                "from 4KiB to 1TiB",
		"cyclic:wset=2TiB":                "from 4KiB to 1TiB",
		"cyclic:wset=-1MiB":               "negative",
		"cyclic:wset=1M,wset=2M":          "given twice",
		"cyclic:wset=1M,rate=-5":          "from 0 to 100000000",
		"cyclic:wset=1M,rate=1e3":         "whole number",
		"cyclic:wset=1M,rate=99999999999": "from 0 to 100000000",
		"cyclic:wset=1M,fill=0B":          "from 8B to 4KiB",
		"cyclic:wset=1M,fill=12B":         "multiple of 8",
		"cyclic:wset=1M,fill=8KiB":        "from 8B to 4KiB",
		"cyclic:wset=1M,speed=3":          "cyclic takes wset, rate, fill",
		"cyclic:wset=1M,":                 "unknown setting",
		"static:wset=1M,rate=3":           "static takes wset",
		"read:wset=1M,fill=64B":           "read takes wset, rate",
	} {
		if w, err := Parse(in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Parse(%q) = %v, %v; want an error with %q", in, w, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("cyclic:wset=256MiB,rate=20000,fill=64B")
	f.Add("cpu:load=70")
	f.Add("random:wset=1.5G,rate=max,fill=4096B")
	f.Fuzz(func(t *testing.T, s string) {
		w, err := Parse(s)
		if err != nil {
			return
		}
		if w.WorkingSet < 0 || w.WorkingSet%vm.Page != 0 || w.WorkingSet > maxSet || w.Fill < 0 || w.Fill > vm.Page {
			t.Fatalf("Parse(%q) = %+v", s, w)
		}
		again, err := Parse(w.String())
		if err != nil || again != w {
			t.Fatalf("Parse(%q) = %+v, written as %q, read back as %+v, %v", s, w, w, again, err)
		}
	})
}
