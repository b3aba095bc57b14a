package service

import (
	"encoding/binary"
	"math/rand/v2"
	"time"
)

// valueSize is that of every value, in bytes.
const valueSize = 1024

// keys knows what was written last to each key. Every version of every key has a value of its own, which does not
// compress.
type keys struct {
	n        int
	versions []int // 0: not known
	last     int
	reads    bool // the next request is to read
	pick     *rand.Rand
}

func newKeys(n int) *keys {
	return &keys{n: n, versions: make([]int, n), pick: rand.New(rand.NewPCG(1, 2))}
}

// next is the key of the next request, and what a read must find; nil for a write.
func (k *keys) next() (key int, want []byte) {
	key = k.pick.IntN(k.n)
	k.reads = !k.reads
	if k.reads && k.versions[key] > 0 {
		return key, value(key, k.versions[key])
	}
	return key, nil
}

// write gives a key a new value.
func (k *keys) write(key int) []byte {
	k.last++
	k.versions[key] = k.last
	return value(key, k.last)
}

// forget says that it is not known what was written last to a key.
func (k *keys) forget(key int) { k.versions[key] = 0 }

func value(key, version int) []byte {
	source := rand.NewPCG(uint64(key), uint64(version))
	b := make([]byte, 0, valueSize)
	for len(b) < valueSize {
		b = binary.LittleEndian.AppendUint64(b, source.Uint64())
	}
	return b
}

// schedule says when requests are due: evenly, from its first use on, whatever happens to them.
type schedule struct {
	rate  float64 // per second; 0: there are no set times
	start time.Time
	given int
}

func newSchedule(rate float64) *schedule { return &schedule{rate: rate} }

// until gives the times that have come by now and were not given before.
func (s *schedule) until(now time.Time) (due []time.Time) {
	if s.rate == 0 {
		return nil
	}
	if s.start.IsZero() {
		s.start = now
	}
	for {
		at := s.start.Add(time.Duration(float64(s.given) / s.rate * float64(time.Second)))
		if at.After(now) {
			return due
		}
		s.given++
		due = append(due, at)
	}
}
