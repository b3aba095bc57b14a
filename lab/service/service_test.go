package service

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"walm/lab/guest/load"
	"walm/measure"
)

// fake is a server with the commands that clients use.
type fake struct {
	program string
	listen  net.Listener

	mu     sync.Mutex
	values map[string][]byte
	spoil  func(value []byte) // nil: values are as written
	refuse bool
	conns  []net.Conn
}

func newFake(t *testing.T, program string) *fake {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &fake{program: program, listen: l, values: map[string][]byte{}}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			f.mu.Lock()
			f.conns = append(f.conns, conn)
			f.mu.Unlock()
			go f.serve(conn)
		}
	}()
	return f
}

func (f *fake) dial(ctx context.Context, port int) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, "tcp", f.listen.Addr().String())
}

// drop closes every connection.
func (f *fake) drop() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.conns {
		c.Close()
	}
	f.conns = nil
}

func (f *fake) with(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

func (f *fake) serve(conn net.Conn) {
	in := newAnswers(conn)
	for {
		var words [][]byte
		var err error
		if f.program == "redis" {
			words, err = wordsRedis(in)
		} else {
			words, err = wordsMemcached(in)
		}
		if err != nil {
			return
		}
		f.mu.Lock()
		answer := f.answer(words)
		f.mu.Unlock()
		if _, err := conn.Write(answer); err != nil {
			return
		}
	}
}

func (f *fake) answer(words [][]byte) []byte {
	redis := f.program == "redis"
	name := string(words[1])
	switch {
	case f.refuse && redis:
		return []byte("-OOM command not allowed\r\n")
	case f.refuse:
		return []byte("SERVER_ERROR out of memory\r\n")
	case len(words) == 3 && redis:
		f.values[name] = words[2]
		return []byte("+OK\r\n")
	case len(words) == 3:
		f.values[name] = words[2]
		return []byte("STORED\r\n")
	}
	value, ok := f.values[name]
	value = bytes.Clone(value)
	if ok && f.spoil != nil {
		f.spoil(value)
	}
	switch {
	case !ok && redis:
		return []byte("$-1\r\n")
	case !ok:
		return []byte("END\r\n")
	case redis:
		return fmt.Appendf(nil, "$%d\r\n%s\r\n", len(value), value)
	}
	return fmt.Appendf(nil, "VALUE %s 0 %d\r\n%s\r\nEND\r\n", name, len(value), value)
}

func wordsRedis(in *bufio.Reader) (words [][]byte, err error) {
	head, err := line(in)
	if err != nil {
		return nil, err
	}
	n, err := strconv.Atoi(string(head[1:]))
	if err != nil {
		return nil, err
	}
	for range n {
		size, err := line(in)
		if err != nil {
			return nil, err
		}
		word, err := block(in, size[1:])
		if err != nil {
			return nil, err
		}
		words = append(words, word)
	}
	return words, nil
}

func wordsMemcached(in *bufio.Reader) (words [][]byte, err error) {
	head, err := line(in)
	if err != nil {
		return nil, err
	}
	fields := bytes.Fields(bytes.Clone(head))
	if string(fields[0]) == "get" {
		return fields, nil
	}
	value, err := block(in, fields[4])
	return [][]byte{fields[0], fields[1], value}, err
}

func start(t *testing.T, f *fake, rate int) *Client {
	c, err := Start(t.Context(), f.dial, load.Part{Kind: load.Program, Name: f.program, Rate: rate, WorkingSet: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// until waits for a sample that holds.
func until(t *testing.T, c *Client, what string, holds func(measure.Sample) bool) {
	t.Helper()
	for !slices.ContainsFunc(c.Samples(time.Time{}), holds) {
		select {
		case <-t.Context().Done():
			t.Fatal("no sample: " + what)
		case <-time.After(time.Millisecond):
		}
	}
}

func good(s measure.Sample) bool { return !s.Failed }

func TestClient(t *testing.T) {
	for _, program := range []string{"redis", "memcached"} {
		for _, rate := range []int{0, 2000, load.Max} {
			f := newFake(t, program)
			c := start(t, f, rate)
			f.with(func() {
				if len(f.values) != c.keys.n || c.keys.n != 512 {
					t.Errorf("%s has %d of %d keys before it is asked", program, len(f.values), c.keys.n)
				}
			})
			for range 50 {
				n := len(c.Samples(time.Time{}))
				until(t, c, "more", func(measure.Sample) bool { return len(c.Samples(time.Time{})) > n })
			}
			all := c.Stop()
			var reads int
			for i, s := range all {
				if s.Wrong || s.Failed && i < len(all)-1000 || s.Took < 0 || s.Late < 0 {
					t.Fatalf("%s at rate %d: request %d of %d is %+v", program, rate, i, len(all), s)
				}
				reads++
			}
			if len(c.Samples(time.Now())) != 0 {
				t.Error("requests of the future")
			}
		}
	}
}

// TestWrong reads what nobody wrote.
func TestWrong(t *testing.T) {
	for _, program := range []string{"redis", "memcached"} {
		f := newFake(t, program)
		c := start(t, f, 2000)
		until(t, c, "good", good)
		f.with(func() { f.spoil = func(v []byte) { v[len(v)/2] ^= 1 } })
		until(t, c, program+" wrong", func(s measure.Sample) bool { return s.Wrong && s.Failed })
		f.with(func() { f.spoil, f.values = nil, map[string][]byte{} })
		changed := time.Now()
		until(t, c, program+" lost", func(s measure.Sample) bool { return s.Wrong && s.Due.After(changed) })
		c.Stop()
	}
}

// TestRefused goes on over the same connection when the program says no.
func TestRefused(t *testing.T) {
	for _, program := range []string{"redis", "memcached"} {
		f := newFake(t, program)
		c := start(t, f, 2000)
		f.with(func() { f.refuse = true })
		until(t, c, program+" refuses", func(s measure.Sample) bool { return s.Failed && !s.Wrong })
		f.with(func() { f.refuse = false })
		changed := time.Now()
		until(t, c, program+" is back", func(s measure.Sample) bool { return good(s) && s.Due.After(changed) })
		f.with(func() {
			if len(f.conns) != 1 {
				t.Errorf("%s was connected to %d times", program, len(f.conns))
			}
		})
		if slices.ContainsFunc(c.Stop(), func(s measure.Sample) bool { return s.Wrong }) {
			t.Errorf("%s: a write that was refused is read", program)
		}
	}
}

// TestBroken connects again, and counts what fell between.
func TestBroken(t *testing.T) {
	f := newFake(t, "redis")
	c := start(t, f, 2000)
	until(t, c, "good", good)
	f.drop()
	until(t, c, "failed", func(s measure.Sample) bool { return s.Failed })
	changed := time.Now()
	until(t, c, "good again", func(s measure.Sample) bool { return good(s) && s.Due.After(changed) })
	var due []time.Time
	for _, s := range c.Stop() {
		if s.Wrong {
			t.Errorf("wrong after a lost connection: %+v", s)
		}
		due = append(due, s.Due)
	}
	slices.SortFunc(due, time.Time.Compare)
	for i := 1; i < len(due); i++ {
		if gap := due[i].Sub(due[i-1]).Round(time.Microsecond); gap != 500*time.Microsecond {
			t.Fatalf("requests were due %v apart, want 500µs and each once", gap)
		}
	}
}

// TestSilent counts requests that nobody answers, while they are still waited for.
func TestSilent(t *testing.T) {
	f := newFake(t, "redis")
	c := start(t, f, 200)
	until(t, c, "good", good)
	f.mu.Lock() // the server stands
	began := time.Now()
	until(t, c, "overdue", func(s measure.Sample) bool { return s.Failed && s.Took > overdue && s.Due.After(began) })
	f.mu.Unlock()
	changed := time.Now()
	until(t, c, "good again", func(s measure.Sample) bool { return good(s) && s.Due.After(changed) })
	if slices.ContainsFunc(c.Samples(began), func(s measure.Sample) bool { return s.Failed }) {
		t.Error("requests that were answered late have failed")
	}
	c.Stop()
	if len(c.open) > 0 {
		t.Errorf("%d requests wait for ever", len(c.open))
	}
}

func TestStartRefuses(t *testing.T) {
	f := newFake(t, "redis")
	if _, err := Start(t.Context(), f.dial, load.Part{Kind: load.Program, Name: "python"}); err == nil {
		t.Error("python takes requests")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	f.listen.Close()
	if _, err := Start(ctx, f.dial, load.Part{Kind: load.Program, Name: "redis"}); err == nil {
		t.Error("a program that is not there was connected to")
	}
	g := newFake(t, "memcached")
	g.refuse = true
	if _, err := Start(t.Context(), g.dial, load.Part{Kind: load.Program, Name: "memcached"}); err == nil {
		t.Error("a program that takes no data was filled")
	}
}

func FuzzAnswers(f *testing.F) {
	for _, seed := range []string{"+OK\r\n", "-ERR no\r\n", "$-1\r\n", "$3\r\nabc\r\n", "STORED\r\n", "END\r\n",
		"VALUE k 0 3\r\nabc\r\nEND\r\n", "SERVER_ERROR x\r\n", "$99999999999\r\n", "VALUE k 0 -1\r\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		for name, p := range protocols() {
			if err := p.stored(newAnswers(bytes.NewReader(text))); err == nil && !bytes.Contains(text, []byte("\n")) {
				t.Errorf("%s: %q is an answer to a write", name, text)
			}
			if v, err := p.value(newAnswers(bytes.NewReader(text))); err == nil && !bytes.Contains(text, v) {
				t.Errorf("%s: %q holds the value %q", name, text, v)
			}
		}
	})
}
