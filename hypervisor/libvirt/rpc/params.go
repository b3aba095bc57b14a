package rpc

import "fmt"

// Param is one of libvirt's typed parameters. Value is an int32, uint32, int64, uint64, float64, bool or string, which is
// the type that goes over the wire. A name can occur more than once.
type Param struct {
	Name  string
	Value any
}

// Params are typed parameters in their order.
type Params []Param

// Get gives the first value of that name, nil if there is none.
func (p Params) Get(name string) any {
	for _, x := range p {
		if x.Name == name {
			return x.Value
		}
	}
	return nil
}

// Number gives a number of any type that is not negative.
func (p Params) Number(name string) (uint64, bool) {
	switch v := p.Get(name).(type) {
	case int32:
		return uint64(max(v, 0)), v >= 0
	case uint32:
		return uint64(v), true
	case int64:
		return uint64(max(v, 0)), v >= 0
	case uint64:
		return v, true
	}
	return 0, false
}

// Text gives a string, empty if there is none.
func (p Params) Text(name string) string {
	v, _ := p.Get(name).(string)
	return v
}

// Types of typed parameters on the wire (virTypedParameterType).
const (
	typeInt32 = 1 + iota
	typeUint32
	typeInt64
	typeUint64
	typeFloat64
	typeBool
	typeString
)

func (e *encoder) params(ps Params) *encoder {
	e.u32(uint32(len(ps)))
	for _, p := range ps {
		e.string(p.Name)
		switch v := p.Value.(type) {
		case int32:
			e.u32(typeInt32).i32(v)
		case uint32:
			e.u32(typeUint32).u32(v)
		case int64:
			e.u32(typeInt64).u64(uint64(v))
		case uint64:
			e.u32(typeUint64).u64(v)
		case bool:
			e.u32(typeBool).bool(v)
		case string:
			e.u32(typeString).string(v)
		default: // none of walm's parameters is another
			panic(fmt.Sprintf("typed parameter %s is a %T", p.Name, v))
		}
	}
	return e
}

func (d *decoder) params() Params {
	n := d.list(12)
	if d.err != nil {
		return nil
	}
	ps := make(Params, 0, n)
	for range n {
		p := Param{Name: d.string()}
		switch kind := d.u32(); kind {
		case typeInt32:
			p.Value = d.i32()
		case typeUint32:
			p.Value = d.u32()
		case typeInt64:
			p.Value = int64(d.u64())
		case typeUint64:
			p.Value = d.u64()
		case typeFloat64:
			p.Value = d.f64()
		case typeBool:
			p.Value = d.u32() != 0
		case typeString:
			p.Value = d.string()
		default:
			d.fail(fmt.Errorf("typed parameter %q is of the unknown type %d", p.Name, kind))
		}
		if d.err != nil {
			return nil
		}
		ps = append(ps, p)
	}
	return ps
}
