package rpc

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"net"
	"slices"
	"testing"
	"time"
)

// bodies are messages as daemons send them, by what reads them.
func bodies() map[string]*encoder {
	d := Domain{Name: "web", UUID: UUID{1, 2, 3}, ID: 7}
	ps := Params{{"a", int32(-1)}, {"b", uint32(2)}, {"c", int64(-3)}, {"d", uint64(4)}, {"e", true}, {"f", "text"}}
	withFloat := new(encoder).u32(1).string("x").u32(typeFloat64).u64(0x3ff8000000000000)
	return map[string]*encoder{
		"text": new(encoder).string("<domain/>"), "none": {}, "number": new(encoder).u64(9), "domain": new(encoder).domain(d),
		"params": new(encoder).params(ps), "float": withFloat, "job": new(encoder).i32(2).params(ps),
		"list":  new(encoder).u32(2).domain(d).domain(d).u32(2),
		"stats": new(encoder).u32(1).domain(d).params(ps), "error": new(encoder).i32(42).i32(10).present("no domain").i32(2),
		"begin": new(encoder).opaque([]byte("<cookie/>")).string("<domain/>"), "uri": new(encoder).opaque(nil).present("tcp://b:49152"),
		"lifecycle": new(encoder).i32(1).domain(d).i32(3).i32(1), "monitor": new(encoder).i32(1).domain(d).string("STOP").u64(1).u32(2).present("{}"),
	}
}

// readers read each kind of answer.
var readers = map[string]func(*decoder){
	"text":   func(d *decoder) { text(d) },
	"number": func(d *decoder) { number(d) },
	"domain": func(d *decoder) { domain(d) },
	"params": func(d *decoder) { d.params() },
	"job":    func(d *decoder) { readJob(d) },
	"list":   func(d *decoder) { readDomains(d) },
	"stats":  func(d *decoder) { readStats(d) },
	"begin":  func(d *decoder) { d.opaque(); _ = d.string() },
	"uri":    func(d *decoder) { d.opaque(); d.optional() },
	"error":  func(d *decoder) { _ = d.error() },
	"auth":   func(d *decoder) { readAuth(d) },
	"state":  func(d *decoder) { _, _ = d.i32(), d.i32() },
}

// Whatever an answer holds, each reader ends, takes no more than there is, and says so if it is not enough.
func FuzzAnswer(f *testing.F) {
	for _, e := range bodies() {
		f.Add(e.b)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, name := range slices.Sorted(maps.Keys(readers)) { // in one order, which coverage goes by
			d := &decoder{b: bytes.Clone(body)}
			readers[name](d)
			if len(body) == 0 && d.err == nil {
				t.Errorf("%s read nothing, and did not say so", name)
			}
			if d.err != nil && d.b != nil {
				t.Errorf("%s goes on after %v", name, d.err)
			}
		}
	})
}

// What is read of typed parameters is written to the same bytes again, and read to the same values.
func FuzzParams(f *testing.F) {
	for _, name := range []string{"params", "float"} {
		f.Add(bodies()[name].b)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		d := &decoder{b: body}
		ps := d.params()
		if d.err != nil {
			if ps != nil {
				t.Errorf("%v beside %v", ps, d.err)
			}
			return
		}
		for _, p := range ps {
			if _, float := p.Value.(float64); float {
				return // of which walm sends none
			}
		}
		e := new(encoder).params(ps)
		again := &decoder{b: e.b}
		back := again.params()
		if again.err != nil || len(again.b) != 0 || len(back) != len(ps) {
			t.Fatalf("%v became %v (%v, %d bytes left)", ps, back, again.err, len(again.b))
		}
		for i := range ps {
			if ps[i] != back[i] {
				t.Errorf("%v became %v", ps[i], back[i])
			}
		}
	})
}

// An event is either whole or none, and has exactly one thing to say.
func FuzzEvent(f *testing.F) {
	for _, kind := range []struct{ program, procedure uint32 }{{progRemote, msgLifecycle}, {progRemote, msgIteration},
		{progRemote, msgJobCompleted}, {progQEMU, msgMonitor}, {progRemote, 1}} {
		for _, e := range bodies() {
			f.Add(kind.program, kind.procedure, e.b)
		}
	}
	f.Fuzz(func(t *testing.T, program, procedure uint32, body []byte) {
		e, ok := decodeEvent(header{program: program, procedure: procedure}, body)
		if !ok {
			return
		}
		said := 0
		for _, set := range []bool{e.Lifecycle != nil, e.Iteration != nil, e.JobCompleted != nil, e.Monitor != nil} {
			if set {
				said++
			}
		}
		if said != 1 {
			t.Errorf("an event of %d things: %+v", said, e)
		}
	})
}

// Whatever a daemon sends, the connection ends when the bytes do, with a reason, and nothing else does.
func FuzzStream(f *testing.F) {
	for _, e := range bodies() {
		b := new(encoder).u32(uint32(headerSize + len(e.b))).u32(progRemote).u32(1).u32(procHostname).u32(typeReply).u32(1).u32(statusOK).b
		f.Add(append(b, e.b...))
		f.Add(append(append(b, e.b...), b...))
	}
	f.Add(new(encoder).u32(headerSize).u32(progKeepAlive).u32(1).u32(procPing).u32(typeMessage).u32(0).u32(0).b)
	f.Fuzz(func(t *testing.T, stream []byte) {
		ours, theirs := net.Pipe()
		drained := make(chan struct{})
		go func() { _, _ = io.Copy(io.Discard, theirs); close(drained) }()
		c := start(ours)
		_ = theirs.SetWriteDeadline(time.Now().Add(10 * time.Second))
		_, _ = theirs.Write(stream)
		theirs.Close()
		<-c.Done()
		if err := c.Err(); !errors.Is(err, ErrLost) && !errors.Is(err, ErrNotLibvirt) {
			t.Errorf("ended with %v", err)
		}
		c.Close()
		<-drained
	})
}
