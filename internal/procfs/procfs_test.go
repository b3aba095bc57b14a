package procfs

import (
	"os"
	"slices"
	"testing"
)

func TestSelf(t *testing.T) {
	me := os.Getpid()
	args, err := Arguments(me)
	if err != nil || !slices.Equal(args, os.Args) {
		t.Errorf("arguments %q, %v; want %q", args, err, os.Args)
	}
	threads, err := Threads(me)
	if name := threads[me]; err != nil || name == "" {
		t.Errorf("threads %v, %v", threads, err)
	}
	maps, err := Mappings(me)
	if err != nil || len(maps) < 5 {
		t.Fatalf("mappings %v, %v", maps, err)
	}
	for i, m := range maps[1:] {
		if m.Start < maps[i].End {
			t.Errorf("%x begins before %x ends", m.Start, maps[i].End)
		}
	}
	if taps := Taps(me); taps != nil {
		t.Errorf("taps %v", taps)
	}
}

func TestNobody(t *testing.T) {
	const nobody = 1 << 30 // beyond the largest id
	if _, err := Arguments(nobody); !os.IsNotExist(err) {
		t.Error(err)
	}
	if _, err := Threads(nobody); !os.IsNotExist(err) {
		t.Error(err)
	}
	if _, err := Mappings(nobody); !os.IsNotExist(err) {
		t.Error(err)
	}
}

func TestParseMappings(t *testing.T) {
	got, err := parseMappings("7f0000000000-7f0010000000 rw-p 00000000 00:00 0 \n7f0010000000-7f0010001000 ---p 00000000 00:00 0\n")
	if err != nil || len(got) != 2 || got[0].Size() != 256<<20 || !got[0].Writable || got[1].Writable {
		t.Errorf("%+v, %v", got, err)
	}
	for _, bad := range []string{"x", "1-2 r", "z-2 rw-p", "1-z rw-p", "5-2 rw-p"} {
		if _, err := parseMappings(bad); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}

func FuzzParseMappings(f *testing.F) {
	f.Add("7f0000000000-7f0010000000 rw-p 00000000 00:00 0 [heap]\n")
	f.Fuzz(func(t *testing.T, text string) {
		all, _ := parseMappings(text)
		for _, m := range all {
			if m.End < m.Start {
				t.Fatal(m)
			}
		}
	})
}
