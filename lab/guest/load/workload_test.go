package load

import (
	"slices"
	"strings"
	"testing"

	"walm/vm"
)

func TestParse(t *testing.T) {
	for _, c := range []struct {
		in   string
		want Part
		out  string // how it is written back
	}{
		{"idle", Part{Kind: Idle}, "idle"},
		{"cpu", Part{Kind: CPU, Load: 100}, "cpu:load=100"},
		{"cpu:load=70", Part{Kind: CPU, Load: 70}, "cpu:load=70"},
		{"static:wset=1G", Part{Kind: Static, WorkingSet: vm.GiB, Content: RandomContent}, "static:wset=1GiB"},
		{"cyclic:wset=256MiB,rate=20000,fill=64B",
			Part{Kind: Cyclic, WorkingSet: 256 * vm.MiB, Rate: 20000, Fill: 64, Content: RandomContent},
			"cyclic:wset=256MiB,rate=20000,fill=64B"},
		{"cyclic:wset=64M", Part{Kind: Cyclic, WorkingSet: 64 * vm.MiB, Rate: Max, Fill: 64, Content: RandomContent}, "cyclic:wset=64MiB,rate=max,fill=64B"},
		{"random:fill=4KiB,rate=max,wset=8KiB",
			Part{Kind: Random, WorkingSet: 8 * vm.KiB, Rate: Max, Fill: vm.Page, Content: RandomContent}, "random:wset=8KiB,rate=max,fill=4KiB"},
		{"read:wset=1000000B,rate=5", Part{Kind: Read, WorkingSet: 245 * vm.Page, Rate: 5}, "read:wset=980KiB,rate=5"},
	} {
		got, err := Parse(c.in)
		if err != nil || len(got) != 1 || got[0] != c.want {
			t.Errorf("Parse(%q) = %+v, %v; want %+v", c.in, got, err, c.want)
		}
		if got.String() != c.out {
			t.Errorf("Parse(%q) is written back as %q, want %q", c.in, got, c.out)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for in, want := range map[string]string{
		"":                                      "one of idle, cpu, static, cyclic, random, zipf, array, stress, read",
		"stres":                                 "one of idle, cpu, static",
		"idle+":                                 "unknown workload",
		"idle+idle":                             "once is enough",
		"cpu+cpu+cpu+cpu+cpu+cpu+cpu+cpu+cpu":   "more than 8 parts",
		"Idle":                                  "unknown workload",
		"idle:":                                 "takes no settings",
		"idle:load=3":                           "takes no settings",
		"cpu:load=101":                          "from 0 to 100",
		"cpu:load=-1":                           "from 0 to 100",
		"cpu:load=":                             "from 0 to 100",
		"cpu:wset=1M":                           "cpu takes load",
		"cyclic":                                "needs its wset",
		"cyclic:rate=3":                         "needs its wset",
		"cyclic:wset=256":                       "no unit",
		"cyclic:wset=1B":                        "from 4KiB to 1TiB",
		"cyclic:wset=2TiB":                      "from 4KiB to 1TiB",
		"cyclic:wset=-1MiB":                     "negative",
		"cyclic:wset=1M,wset=2M":                "given twice",
		"cyclic:wset=1M,rate=-5":                "from 0 to 100000000",
		"cyclic:wset=1M,rate=1e3":               "whole number",
		"cyclic:wset=1M,rate=99999999999":       "from 0 to 100000000",
		"cyclic:wset=1M,fill=0B":                "from 8B to 4KiB",
		"cyclic:wset=1M,fill=12B":               "multiple of 8",
		"cyclic:wset=1M,fill=8KiB":              "from 8B to 4KiB",
		"cyclic:wset=1M,speed=3":                "cyclic takes wset, rate, bpc, period, fill",
		"cyclic:wset=1M,":                       "unknown setting",
		"static:wset=1M,rate=3":                 "static takes wset",
		"read:wset=1M,fill=64B":                 "read takes wset, rate",
		"cyclic:wset=1M,bpc=3":                  "go together",
		"cyclic:wset=1M,bpc=3,period=1s,rate=4": "leave rate out",
		"cyclic:wset=1M,bpc=3,period=0s":        "a time such as",
		"random:wset=1M,busy=3s":                "go together",
		"zipf:wset=1M,skew=0":                   "above 0",
		"static:wset=1M,content=noise":          "one of random, text, zero, duplicate",
		"array:delay=3ms":                       "needs its size",
		"net-out":                               "needs its rate",
		"net-in:rate=10MiB":                     "bytes per second",
		"disk":                                  "needs its rate",
		"program":                               "needs a name",
		"program:name=../sh":                    "unknown program",
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
	f.Add("cyclic:wset=1MiB,bpc=100,period=50ms,busy=5s,quiet=5s+cpu:load=50+net-out:rate=10MiB/s")
	f.Add("zipf:wset=1MiB,skew=0.99,content=text+program:name=redis,rate=500,threads=2,size=64MiB+disk:rate=20")
	f.Fuzz(func(t *testing.T, s string) {
		w, err := Parse(s)
		if err != nil {
			return
		}
		for _, p := range w {
			if p.WorkingSet < 0 || p.WorkingSet%vm.Page != 0 || p.WorkingSet > maxSet || p.Fill < 0 || p.Fill > vm.Page {
				t.Fatalf("Parse(%q) = %+v", s, w)
			}
		}
		again, err := Parse(w.String())
		if err != nil || !slices.Equal(again, w) {
			t.Fatalf("Parse(%q) = %+v, written as %q, read back as %+v, %v", s, w, w, again, err)
		}
	})
}
