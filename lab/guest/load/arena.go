package load

import (
	"fmt"
	"math/bits"
	"unsafe"

	"golang.org/x/sys/unix"

	"walm/vm"
)

const (
	wordSize  = 8
	pageWords = int(vm.Page) / wordSize

	// Odd constants that share no structure: a page's words step by weyl (2⁶⁴/φ), its writes by renewal.
	weyl    = 0x9e3779b97f4a7c15
	renewal = 0xd1342543de82ef95
)

type page [pageWords]uint64

// Arena is memory whose every word is known: word j of page p is seed(p) + s·renewal + j·weyl, where s is the number
// of writes to the page for the words that a write renews and 0 for the rest. A page that is stale, misplaced, zeroed
// or damaged in one bit therefore differs from what it must hold. Weyl sequences cost one addition a word and neither
// compress nor repeat within or between pages. Other contents give up one of these for the sake of what they are.
//
// The numbers of writes are kept apart from the pages, with a checksum of their own. They are memory that is written
// too, so they are short and wrap: a working set of n pages dirties up to n/2048 pages more than itself.
type Arena struct {
	pages  []page
	renew  int      // words that a write renews
	writes []uint16 // by page, modulo 2¹⁶
	sum    uint64   // Σ seed(p)·writes[p]
	marked []uint16 // writes, when last marked
	met    int
	memory []byte

	content string
	blank   bool // what a write does not renew is zero
}

// Check is what a check of all of an Arena found.
type Check struct {
	Pages   int   `json:"pages"`           // checked
	Bad     int   `json:"bad"`             // of them, not as last written
	Met     int   `json:"met"`             // times that the workload itself met a wrong page, since its start
	Written int   `json:"written"`         // pages written since the mark
	Table   bool  `json:"table"`           // the count of writes per page agrees with its checksum
	First   []int `json:"first,omitempty"` // the first few bad pages
}

// OK says whether memory held what was written to it, now and each time that the workload looked.
func (c Check) OK() bool { return c.Pages > 0 && c.Bad == 0 && c.Met == 0 && c.Table }

const firstPages = 4 // a Check must stay a short line

// newArena maps size bytes, whole pages, and fills them: a blank one only as far as a write does.
func newArena(size, fill vm.Bytes, content string, blank bool) (*Arena, error) {
	m, err := unix.Mmap(-1, 0, int(size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return nil, fmt.Errorf("map %v for the workload: %w", size, err)
	}
	n := int(size / vm.Page)
	a := &Arena{
		pages:  unsafe.Slice((*page)(unsafe.Pointer(unsafe.SliceData(m))), n),
		renew:  int(fill) / wordSize,
		writes: make([]uint16, n),
		marked: make([]uint16, n),
		memory: m, content: content, blank: blank,
	}
	words := pageWords
	if blank {
		words = a.renew
	}
	for p := range a.pages {
		a.fill(a.pages[p][:words], p, 0, 0)
	}
	return a, nil
}

// replace gives page p of a blank arena back to the kernel and writes to the one of zeros that it hands out. Page by
// page, because what was given back last is handed out first: a whole arena given back at once wanders through all of
// the guest's free memory and leaves its content there, and a migration sends that too. Measured: 180 MiB of a guest
// with 16 MiB under stress.
func (a *Arena) replace(p int) {
	if a.first(p) != a.pages[p][0] {
		a.met++
	}
	if unix.Madvise(a.memory[p*int(vm.Page):(p+1)*int(vm.Page)], unix.MADV_DONTNEED) != nil {
		a.met++ // it cannot fail on a whole page of ours
	}
	a.renewed(p)
}

// singly has the kernel back the arena with single pages from now on: of a huge page no part can be given back. A
// kernel that has no huge pages refuses, which is as well.
func (a *Arena) singly() { _ = unix.Madvise(a.memory, unix.MADV_NOHUGEPAGE) }

// fill writes what words, from word j of page p on, hold after so many writes.
func (a *Arena) fill(words []uint64, p, j int, writes uint16) {
	switch x := a.base(p) + uint64(writes)*renewal; a.content {
	case Zero:
		clear(words)
	case Text:
		for i := range words {
			words[i] = text(x, i+j)
		}
	default:
		run(words, x+uint64(j)*weyl)
	}
}

// differs returns a word that is zero if words are as fill writes them.
func (a *Arena) differs(words []uint64, p, j int, writes uint16) (d uint64) {
	switch x := a.base(p) + uint64(writes)*renewal; a.content {
	case Zero:
		for _, w := range words {
			d |= w
		}
		return d
	case Text:
		for i, w := range words {
			d |= w ^ text(x, i+j)
		}
		return d
	default:
		return differs(words, x+uint64(j)*weyl)
	}
}

// text is a word of what compresses: a word in three is new.
func text(x uint64, j int) uint64 { return x + uint64(j/3)*weyl }

// alike is how many pages of duplicate content have the same base.
const alike = 8

// base is the first word of page p before any write.
func (a *Arena) base(p int) uint64 {
	if a.content == Duplicate {
		return seed(p / alike)
	}
	return seed(p)
}

func (a *Arena) free() error {
	a.pages = nil
	// Pages that the kernel takes back keep what they held, and a migration would send them: without this, what a guest
	// did before would weigh on how long it takes to move.
	clear(a.memory)
	return unix.Munmap(a.memory)
}

// seed is the first word of page p before any write: the page's number through splitmix64's finaliser, made odd so
// that its multiples in Arena.sum are all different.
func seed(p int) uint64 {
	x := (uint64(p) + 1) * weyl
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31 | 1
}

// run fills words with a Weyl sequence from x.
func run(words []uint64, x uint64) {
	for len(words) >= 8 {
		w := (*[8]uint64)(words)
		w[0], w[1], w[2], w[3] = x, x+weyl, x+weyl*2&mask, x+weyl*3&mask
		x += weyl * 4 & mask
		w[4], w[5], w[6], w[7] = x, x+weyl, x+weyl*2&mask, x+weyl*3&mask
		x += weyl * 4 & mask
		words = words[8:]
	}
	for j := range words {
		words[j] = x
		x += weyl
	}
}

// differs returns a word that is zero if words are the Weyl sequence from x.
func differs(words []uint64, x uint64) (d uint64) {
	for len(words) >= 8 {
		w := (*[8]uint64)(words)
		d |= (w[0] ^ x) | (w[1] ^ (x + weyl)) | (w[2] ^ (x + weyl*2&mask)) | (w[3] ^ (x + weyl*3&mask))
		x += weyl * 4 & mask
		d |= (w[4] ^ x) | (w[5] ^ (x + weyl)) | (w[6] ^ (x + weyl*2&mask)) | (w[7] ^ (x + weyl*3&mask))
		x += weyl * 4 & mask
		words = words[8:]
	}
	for _, w := range words {
		d |= w ^ x
		x += weyl
	}
	return d
}

const mask = 1<<64 - 1 // constants are exact: their multiples must be cut to a word

// write renews page p. It looks at the first word before: a page that lost its last write would otherwise be made
// good by the next one, and no later check could tell.
func (a *Arena) write(p int) {
	if a.first(p) != a.pages[p][0] {
		a.met++
	}
	a.renewed(p)
}

// renewed counts a write of page p and does it.
func (a *Arena) renewed(p int) {
	s, b := &a.writes[p], seed(p)
	*s++
	a.sum += b
	if *s == 0 {
		a.sum -= b << 16
	}
	a.fill(a.pages[p][:a.renew], p, 0, *s)
}

// first is the word that page p must begin with.
func (a *Arena) first(p int) uint64 {
	if a.content == Zero {
		return 0
	}
	return a.base(p) + uint64(a.writes[p])*renewal
}

// read reads all of page p.
func (a *Arena) read(p int) {
	if !a.holds(p) {
		a.met++
	}
}

func (a *Arena) holds(p int) bool {
	w := &a.pages[p]
	if a.blank {
		var rest uint64
		for _, x := range w[a.renew:] {
			rest |= x
		}
		return a.differs(w[:a.renew], p, 0, a.writes[p])|rest == 0
	}
	return a.differs(w[:a.renew], p, 0, a.writes[p])|a.differs(w[a.renew:], p, a.renew, 0) == 0
}

// mark makes check count the pages written from here on.
func (a *Arena) mark() { copy(a.marked, a.writes) }

// check looks at every word of every page.
func (a *Arena) check() Check {
	c := Check{Pages: len(a.pages), Met: a.met}
	var sum uint64
	for p := range a.pages {
		if !a.holds(p) {
			if c.Bad++; len(c.First) < firstPages {
				c.First = append(c.First, p)
			}
		}
		if a.writes[p] != a.marked[p] {
			c.Written++
		}
		sum += seed(p) * uint64(a.writes[p])
	}
	c.Table = sum == a.sum
	return c
}

// corrupt flips the last bit of a page, as no write of the workload would.
func (a *Arena) corrupt(p int) { a.pages[p][pageWords-1] ^= 1 }

// pick maps a random word to a page.
func (a *Arena) pick(x uint64) int {
	hi, _ := bits.Mul64(x, uint64(len(a.pages)))
	return int(hi)
}
