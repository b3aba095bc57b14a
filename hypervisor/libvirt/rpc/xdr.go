package rpc

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// The protocol's own bounds (REMOTE_*_MAX), so that a bad message makes nobody allocate much.
const (
	maxMessage = 32 << 20
	maxString  = 4 << 20
	maxList    = 1 << 18
)

// errShort is a message that ends before what it should hold does.
var errShort = errors.New("the message is too short")

// encoder appends XDR.
type encoder struct{ b []byte }

func (e *encoder) u32(v uint32) *encoder { e.b = binary.BigEndian.AppendUint32(e.b, v); return e }
func (e *encoder) i32(v int32) *encoder  { return e.u32(uint32(v)) }
func (e *encoder) u64(v uint64) *encoder { e.b = binary.BigEndian.AppendUint64(e.b, v); return e }

func (e *encoder) bool(v bool) *encoder {
	if v {
		return e.u32(1)
	}
	return e.u32(0)
}

// fixed appends opaque data whose length both sides know.
func (e *encoder) fixed(v []byte) *encoder {
	e.b = append(e.b, v...)
	for range -len(v) & 3 {
		e.b = append(e.b, 0)
	}
	return e
}

func (e *encoder) opaque(v []byte) *encoder  { return e.u32(uint32(len(v))).fixed(v) }
func (e *encoder) string(v string) *encoder  { return e.opaque([]byte(v)) }
func (e *encoder) domain(d Domain) *encoder  { return e.string(d.Name).fixed(d.UUID[:]).i32(d.ID) }
func (e *encoder) absent() *encoder          { return e.u32(0) }
func (e *encoder) present(v string) *encoder { return e.u32(1).string(v) }

// optional appends a string that may be null, as the empty one is.
func (e *encoder) optional(v string) *encoder {
	if v == "" {
		return e.absent()
	}
	return e.present(v)
}

// decoder reads XDR. After the first failure everything is zero and err says why.
type decoder struct {
	b   []byte
	err error
}

func (d *decoder) fail(err error) {
	if d.err == nil {
		d.err = err
	}
	d.b = nil
}

func (d *decoder) take(n int) []byte {
	if n < 0 || n > len(d.b) {
		d.fail(errShort)
		return nil
	}
	v := d.b[:n:n]
	d.b = d.b[n:]
	return v
}

func (d *decoder) u32() uint32 {
	if v := d.take(4); v != nil {
		return binary.BigEndian.Uint32(v)
	}
	return 0
}

func (d *decoder) u64() uint64 {
	if v := d.take(8); v != nil {
		return binary.BigEndian.Uint64(v)
	}
	return 0
}

func (d *decoder) i32() int32   { return int32(d.u32()) }
func (d *decoder) f64() float64 { return math.Float64frombits(d.u64()) }

func (d *decoder) opaque() []byte {
	n := d.u32()
	if n > maxString {
		d.fail(fmt.Errorf("a string of %d bytes", n))
		return nil
	}
	v := d.take(int(n))
	d.take(-int(n) & 3)
	return v
}

func (d *decoder) string() string { return string(d.opaque()) }

// optional reads a string that may be null, as the empty one is.
func (d *decoder) optional() string {
	if d.u32() == 0 {
		return ""
	}
	return d.string()
}

// list reads a length, of elements of at least size bytes each.
func (d *decoder) list(size int) int {
	n := d.u32()
	if n > maxList || int(n)*size > len(d.b) {
		d.fail(fmt.Errorf("a list of %d elements in %d bytes", n, len(d.b)))
		return 0
	}
	return int(n)
}

func (d *decoder) domain() (v Domain) {
	v.Name = d.string()
	copy(v.UUID[:], d.take(len(v.UUID)))
	v.ID = d.i32()
	return v
}
