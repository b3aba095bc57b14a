package rpctest

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"

	"walm/hypervisor/libvirt/rpc"
)

// Programs that share a connection.
const (
	Remote    = 0x20008086
	QEMU      = 0x20008087
	KeepAlive = 0x6b656570
)

// Kinds of messages.
const (
	Call  = 0
	Reply = 1
	Event = 2
)

// Message is one as it passes over the wire.
type Message struct {
	Program, Version, Procedure uint32
	Kind                        uint32 // Call, Reply, Event
	Serial                      uint32 // the same in a call and its reply
	Status                      uint32 // 0 is good, 1 an error
	Body                        []byte
}

// longest is more than libvirt ever sends.
const longest = 32<<20 + 4

// Read reads one message.
func Read(r io.Reader) (Message, error) {
	var head [28]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return Message{}, err
	}
	word := func(i int) uint32 { return binary.BigEndian.Uint32(head[4*i:]) }
	m := Message{Program: word(1), Version: word(2), Procedure: word(3), Kind: word(4), Serial: word(5), Status: word(6)}
	n := word(0)
	if n < uint32(len(head)) || n > longest {
		return m, fmt.Errorf("a message of %d bytes", n)
	}
	m.Body = make([]byte, n-uint32(len(head)))
	_, err := io.ReadFull(r, m.Body)
	return m, err
}

// Bytes are the message as it goes over the wire.
func (m Message) Bytes() []byte {
	b := make([]byte, 0, 28+len(m.Body))
	for _, v := range []uint32{uint32(28 + len(m.Body)), m.Program, m.Version, m.Procedure, m.Kind, m.Serial, m.Status} {
		b = binary.BigEndian.AppendUint32(b, v)
	}
	return append(b, m.Body...)
}

// Out is the body of a message in the making, in XDR.
type Out struct{ b []byte }

// Bytes are what was put in.
func (o *Out) Bytes() []byte { return o.b }

// Num puts 32-bit numbers, which truths and lengths are as well.
func (o *Out) Num(vs ...int) *Out {
	for _, v := range vs {
		o.b = binary.BigEndian.AppendUint32(o.b, uint32(v))
	}
	return o
}

// Long puts 64-bit numbers.
func (o *Out) Long(vs ...uint64) *Out {
	for _, v := range vs {
		o.b = binary.BigEndian.AppendUint64(o.b, v)
	}
	return o
}

// Str puts a string, or opaque data of any length.
func (o *Out) Str(s string) *Out {
	o.Num(len(s))
	o.b = append(o.b, s...)
	for len(o.b)%4 != 0 {
		o.b = append(o.b, 0)
	}
	return o
}

// Some puts a string that could be absent, and is not.
func (o *Out) Some(s string) *Out { return o.Num(1).Str(s) }

// Dom puts a domain's name, UUID and id.
func (o *Out) Dom(d rpc.Domain) *Out {
	o.Str(d.Name)
	o.b = append(o.b, d.UUID[:]...)
	return o.Num(int(d.ID))
}

// Params puts typed parameters.
func (o *Out) Params(ps rpc.Params) *Out {
	o.Num(len(ps))
	for _, p := range ps {
		o.Str(p.Name)
		switch v := p.Value.(type) {
		case int32:
			o.Num(1, int(v))
		case uint32:
			o.Num(2, int(v))
		case int64:
			o.Num(3).Long(uint64(v))
		case uint64:
			o.Num(4).Long(v)
		case float64:
			o.Num(5).Long(math.Float64bits(v))
		case bool:
			o.Num(6, truth(v))
		case string:
			o.Num(7).Str(v)
		default:
			panic(fmt.Sprintf("rpctest: typed parameter %s is a %T", p.Name, v))
		}
	}
	return o
}

func truth(v bool) int {
	if v {
		return 1
	}
	return 0
}

// In is the body of a message that came. What is not there reads as zero, and makes Bad true.
type In struct {
	b   []byte
	Bad bool
}

func (in *In) take(n int) []byte {
	if n < 0 || n > len(in.b) {
		in.Bad, in.b = true, nil
		return make([]byte, min(max(n, 8), 64))
	}
	v := in.b[:n]
	in.b = in.b[n:]
	return v
}

// Num reads a 32-bit number.
func (in *In) Num() int { return int(int32(binary.BigEndian.Uint32(in.take(4)))) }

// Long reads a 64-bit number.
func (in *In) Long() uint64 { return binary.BigEndian.Uint64(in.take(8)) }

// Str reads a string, or opaque data.
func (in *In) Str() string {
	n := in.Num()
	s := in.take(n)
	in.take((4 - n%4) % 4)
	if in.Bad {
		return ""
	}
	return string(s)
}

// Maybe reads a string that can be absent, as the empty one.
func (in *In) Maybe() string {
	if in.Num() == 0 {
		return ""
	}
	return in.Str()
}

// Dom reads a domain.
func (in *In) Dom() (d rpc.Domain) {
	d.Name = in.Str()
	copy(d.UUID[:], in.take(16))
	d.ID = int32(in.Num())
	return d
}

// Params reads typed parameters.
func (in *In) Params() (ps rpc.Params) {
	for range in.Num() {
		p := rpc.Param{Name: in.Str()}
		switch in.Num() {
		case 1:
			p.Value = int32(in.Num())
		case 2:
			p.Value = uint32(in.Num())
		case 3:
			p.Value = int64(in.Long())
		case 4:
			p.Value = in.Long()
		case 5:
			p.Value = math.Float64frombits(in.Long())
		case 6:
			p.Value = in.Num() != 0
		case 7:
			p.Value = in.Str()
		default:
			in.Bad = true
		}
		if in.Bad {
			return nil
		}
		ps = append(ps, p)
	}
	return ps
}
