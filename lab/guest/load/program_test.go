package load

import (
	"testing"

	"walm/vm"
)

func TestPrograms(t *testing.T) {
	for _, name := range Programs() {
		w, err := Parse("program:name=" + name + ",size=8MiB")
		if err != nil {
			t.Fatal(err)
		}
		if !w.Disk() || w[0].Data() != 8*vm.MiB || w.Beside() <= 8*vm.MiB || w.Arena() != quietArena {
			t.Errorf("%s: disk %v, data %v, beside %v, arena %v", w, w.Disk(), w[0].Data(), w.Beside(), w.Arena())
		}
	}
	for _, bad := range []string{"program", "program:size=8MiB", "program:name=emacs"} {
		if w, err := Parse(bad); err == nil {
			t.Errorf("%s is accepted as %v", bad, w)
		}
	}
	if w, err := Parse("cyclic:wset=8MiB"); err != nil || w.Beside() != 0 || w[0].Data() != 0 {
		t.Errorf("what is no program takes memory beside its arena: %v, %v", w.Beside(), err)
	}
}
