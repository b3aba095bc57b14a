package load

import (
	"math/rand/v2"
	"slices"
	"testing"

	"walm/vm"
)

// model is an arena as one would write it without a thought for speed: it says what each word must hold.
type model struct {
	renew  int
	writes map[int]int
	since  map[int]bool // written since the mark
}

func (m model) word(p, j int) uint64 {
	w := seed(p) + uint64(j)*weyl
	if j < m.renew {
		w += uint64(uint16(m.writes[p])) * renewal
	}
	return w
}

func testArena(t testing.TB, size, fill vm.Bytes) *Arena {
	a, err := newArena(size, fill, RandomContent, false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.free() })
	return a
}

func TestArenaAgainstModel(t *testing.T) {
	const pages = 37
	for _, fill := range []vm.Bytes{0, 8, 24, 64, 72, 4088, 4096} {
		a := testArena(t, pages*vm.Page, fill)
		m := model{renew: int(fill / 8), writes: map[int]int{}, since: map[int]bool{}}
		r := rand.New(rand.NewPCG(1, uint64(fill)))
		for range 300 {
			switch p := r.IntN(pages); {
			case r.IntN(50) == 0:
				a.mark()
				m.since = map[int]bool{}
			case fill > 0:
				a.write(p)
				m.writes[p]++
				m.since[p] = true
			default:
				a.read(p)
			}
		}
		for p := range a.pages {
			for j, w := range a.pages[p] {
				if w != m.word(p, j) {
					t.Fatalf("fill %v: page %d word %d = %x, want %x", fill, p, j, w, m.word(p, j))
				}
			}
		}
		c := a.check()
		if !c.OK() || c.Pages != pages || c.Written != len(m.since) {
			t.Errorf("fill %v: check = %+v, want %d pages, %d written", fill, c, pages, len(m.since))
		}
	}
}

// A check that cannot fail proves nothing: each way to lose memory must be found.
func TestCheckFinds(t *testing.T) {
	const pages = 16
	type damage = func(a *Arena)
	for name, c := range map[string]struct {
		do    damage
		first []int
		table bool // the table itself is whole
	}{
		"one bit of what was never renewed": {func(a *Arena) { a.corrupt(3) }, []int{3}, true},
		"one bit of what was renewed":       {func(a *Arena) { a.pages[5][7] ^= 1 << 40 }, []int{5}, true},
		"first word of the rest":            {func(a *Arena) { a.pages[5][8]++ }, []int{5}, true},
		"a page of zeros":                   {func(a *Arena) { a.pages[9] = page{} }, []int{9}, true},
		"another page's content":            {func(a *Arena) { a.pages[2] = a.pages[1] }, []int{2}, true},
		"a lost write": {func(a *Arena) {
			old := a.pages[4]
			a.write(4)
			a.pages[4] = old
		}, []int{4}, true},
		"two lost writes that swap": {func(a *Arena) { a.pages[6], a.pages[7] = a.pages[7], a.pages[6] }, []int{6, 7}, true},
		"a wrong count":             {func(a *Arena) { a.writes[8]-- }, []int{8}, false},
		"a stale table with its pages": {func(a *Arena) {
			old, count := a.pages[8], a.writes[8]
			a.write(8)
			a.pages[8], a.writes[8] = old, count
		}, nil, false},
		"many": {func(a *Arena) { clear(a.pages) }, []int{0, 1, 2, 3}, true},
	} {
		t.Run(name, func(t *testing.T) {
			a := testArena(t, pages*vm.Page, 64)
			for p := range pages {
				a.write(p)
				a.write(p)
			}
			if got := a.check(); !got.OK() {
				t.Fatalf("before: %+v", got)
			}
			c.do(a)
			got := a.check()
			if got.OK() || !slices.Equal(got.First, c.first) || got.Table != c.table {
				t.Errorf("check = %+v, want first %v, table %v", got, c.first, c.table)
			}
		})
	}
}

func TestCheckSeesEveryWord(t *testing.T) {
	for _, fill := range []vm.Bytes{0, 8, 72, 4096} {
		a := testArena(t, vm.Page, fill)
		if fill > 0 {
			a.write(0)
		}
		for j := range pageWords {
			bit := uint64(1) << (j * 7 % 64)
			a.pages[0][j] ^= bit
			if a.holds(0) {
				t.Errorf("fill %v: a bit of word %d flipped unseen", fill, j)
			}
			a.pages[0][j] ^= bit
		}
		if !a.holds(0) {
			t.Errorf("fill %v: a whole page is taken for bad", fill)
		}
	}
}

// The next write makes a lost write good: the workload itself must have seen it.
func TestLostWriteIsMet(t *testing.T) {
	a := testArena(t, 4*vm.Page, vm.Page)
	old := a.pages[2]
	a.write(2)
	a.pages[2] = old
	a.write(2)
	if c := a.check(); c.Bad != 0 || c.Met != 1 || c.OK() {
		t.Errorf("check = %+v, want nothing bad, one met", c)
	}
	b := testArena(t, vm.Page, 0)
	b.corrupt(0)
	b.read(0)
	if c := b.check(); c.Met != 1 {
		t.Errorf("reading: check = %+v, want one met", c)
	}
}

func TestTableWraps(t *testing.T) {
	a := testArena(t, 2*vm.Page, 8)
	for range 1<<16 + 5 {
		a.write(1)
	}
	if c := a.check(); !c.OK() || a.writes[1] != 5 {
		t.Errorf("check = %+v after %d writes", c, a.writes[1])
	}
}

func TestPickIsInRange(t *testing.T) {
	a := testArena(t, 3*vm.Page, 0)
	for x, want := range map[uint64]int{0: 0, 1<<63 - 1: 1, 1<<64 - 1: 2} {
		if got := a.pick(x); got != want {
			t.Errorf("pick(%x) = %d, want %d", x, got, want)
		}
	}
}

func BenchmarkCheck(b *testing.B) {
	a := testArena(b, 64*vm.MiB, 64)
	b.SetBytes(int64(64 * vm.MiB))
	for b.Loop() {
		a.check()
	}
}

func BenchmarkWrite(b *testing.B) {
	a := testArena(b, 64*vm.MiB, 64)
	for i := 0; b.Loop(); i++ {
		a.write(i % len(a.pages))
	}
}
