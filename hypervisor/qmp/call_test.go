package qmp_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"walm/hypervisor/qmp"
	"walm/hypervisor/qmp/qmptest"
)

// Everyone's command waits at the peer until all are there, and the replies come in reverse.
func TestManyInFlight(t *testing.T) {
	const n = 5000
	c := dial(t, func(p *qmptest.Peer) {
		var all []qmptest.Command
		for range n {
			c, ok := p.Next()
			if !ok {
				return
			}
			all = append(all, c)
		}
		for _, c := range slices.Backward(all) {
			p.Return(c, c.Arguments)
		}
	})
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			var got number
			if err := c.Do(t.Context(), "echo", number{i}, &got); err != nil || got.N != i {
				t.Errorf("%d: got %d, %v", i, got.N, err)
			}
		})
	}
	wg.Wait()
}

// QEMU stops reading at eight queued commands; an out-of-band one must not wait behind that.
func TestOutOfBandOvertakes(t *testing.T) {
	const n = 100
	c := dial(t, func(p *qmptest.Peer) {
		var waiting []qmptest.Command
		overtaken := false
		for {
			c, ok := p.Next()
			if !ok {
				return
			}
			if c.OOB {
				p.Return(c, number{len(waiting)})
				overtaken = true
			} else {
				waiting = append(waiting, c)
			}
			if len(waiting) > 7 {
				t.Errorf("%d commands in QEMU's queue", len(waiting))
			}
			if !overtaken && len(waiting) == 7 {
				p.Event(qmp.Event{Name: "QUEUE_FULL"})
			}
			for overtaken && len(waiting) > 0 {
				p.Return(waiting[0], waiting[0].Arguments)
				waiting = waiting[1:]
			}
		}
	}, "oob")

	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			var got number
			if err := c.Do(t.Context(), "echo", number{i}, &got); err != nil || got.N != i {
				t.Errorf("%d: got %d, %v", i, got.N, err)
			}
		})
	}
	<-c.Events()
	var queued number
	if err := c.DoOOB(t.Context(), "migrate-pause", nil, &queued); err != nil || queued.N != 7 {
		t.Errorf("out of band with %d in band waiting: %v", queued.N, err)
	}
	wg.Wait()
}

// A command given up stays on the wire: its late reply is nobody's, and frees its place in QEMU's queue.
func TestCancel(t *testing.T) {
	for _, capability := range []string{"none", "oob"} {
		t.Run(capability, func(t *testing.T) {
			c := dial(t, func(p *qmptest.Peer) {
				var late []qmptest.Command
				for {
					c, ok := p.Next()
					switch {
					case !ok:
						return
					case c.Name == "slow":
						late = append(late, c)
						p.Event(qmp.Event{Name: "GOT_IT"})
						if len(late) < 7 {
							continue
						}
						for _, c := range late {
							p.Return(c, number{-1})
						}
					default:
						p.Return(c, c.Arguments)
					}
				}
			}, capability)
			for range 7 {
				ctx, cancel := context.WithCancel(t.Context())
				go func() { <-c.Events(); cancel() }()
				var got number
				err := c.Do(ctx, "slow", nil, &got)
				// The seventh reply may beat its cancellation.
				if err != nil && (!errors.Is(err, context.Canceled) || !errors.Is(err, qmp.ErrUnanswered)) {
					t.Fatalf("cancelled command: %v", err)
				}
			}
			for i := range 20 {
				var got number
				if err := c.Do(t.Context(), "echo", number{i}, &got); err != nil || got.N != i {
					t.Fatalf("after the late replies: %d, %v", got.N, err)
				}
			}
		})
	}
}

func TestCancelledBeforeSending(t *testing.T) {
	c := dial(t, func(p *qmptest.Peer) {
		if cmd, ok := p.Next(); ok {
			t.Errorf("got %s", cmd.Name)
		}
	})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := c.Do(ctx, "migrate_cancel", nil, nil)
	if !errors.Is(err, context.Canceled) || errors.Is(err, qmp.ErrUnanswered) {
		t.Errorf("got %v", err)
	}
}

// A peer that does not read must not hold up one that gives up, nor Close.
func TestPeerDoesNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		defer theirs.Close()
		go qmptest.NewPeer(theirs).Greet("10.0.2")
		c, err := qmp.New(t.Context(), ours)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err = c.Do(ctx, "stuck", nil, nil)
		if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, qmp.ErrUnanswered) {
			t.Errorf("half sent: %v", err)
		}
		ctx, cancel = context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err = c.Do(ctx, "behind", nil, nil)
		if !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, qmp.ErrUnanswered) {
			t.Errorf("behind it: %v", err)
		}
		c.Close()
		if err := c.Do(t.Context(), "late", nil, nil); !errors.Is(err, net.ErrClosed) {
			t.Errorf("after Close: %v", err)
		}
	})
}

func TestRefusals(t *testing.T) {
	c := dial(t, func(p *qmptest.Peer) {
		p.Answer(qmptest.Answers{
			"migrate": func(json.RawMessage) (any, error) { return nil, errors.New("no route to host") },
		})
	})
	err := c.Do(t.Context(), "migrate", map[string]string{"uri": "tcp:nowhere:1"}, nil)
	var refused *qmp.Error
	if !errors.As(err, &refused) || *refused != (qmp.Error{"migrate", "GenericError", "no route to host"}) {
		t.Errorf("got %v", err)
	}
	if errors.Is(err, errors.ErrUnsupported) {
		t.Error("a refused command counts as unsupported")
	}
	if err := c.Do(t.Context(), "migrate-teleport", nil, nil); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("unknown command: %v", err)
	}
	if err := c.Do(t.Context(), "migrate", func() {}, nil); err == nil || errors.Is(err, qmp.ErrUnanswered) {
		t.Errorf("arguments that are no JSON: %v", err)
	}
}

func TestReplyOfWrongShape(t *testing.T) {
	c := dial(t, echo)
	var wrong struct{ N string }
	if err := c.Do(t.Context(), "echo", number{1}, &wrong); err == nil || errors.Is(err, qmp.ErrUnanswered) {
		t.Errorf("got %v", err)
	}
	if err := c.Do(t.Context(), "echo", number{1}, &number{}); err != nil {
		t.Errorf("then: %v", err)
	}
}

// Three replies at once, of 1.6 MB each, one pretty-printed over many lines.
func TestBigReplies(t *testing.T) {
	want := make([]string, 60_000)
	for i := range want {
		want[i] = fmt.Sprintf("entry number %d", i)
	}
	c := dial(t, func(p *qmptest.Peer) {
		for range 3 {
			c, _ := p.Next()
			if c.Name == "pretty" {
				b, _ := json.MarshalIndent(map[string]any{"return": want, "id": c.ID}, "", "    ")
				p.Write(b)
			} else {
				p.Return(c, want)
			}
		}
		p.Next()
	})
	var wg sync.WaitGroup
	for _, name := range []string{"plain", "pretty", "plain"} {
		wg.Go(func() {
			var got []string
			if err := c.Do(t.Context(), name, nil, &got); err != nil || !slices.Equal(got, want) {
				t.Errorf("%s: %d entries, %v", name, len(got), err)
			}
		})
	}
	wg.Wait()
}

func TestPassFile(t *testing.T) {
	c := dial(t, func(p *qmptest.Peer) {
		for {
			c, ok := p.Next()
			if !ok {
				return
			}
			if c.File == nil {
				p.Fail(c, "GenericError", "No file descriptor supplied via SCM_RIGHTS")
				continue
			}
			b, err := io.ReadAll(c.File)
			c.File.Close()
			if err != nil {
				t.Error(err)
			}
			p.Return(c, string(b))
		}
	}, "oob")
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			r, w, err := os.Pipe()
			if err != nil {
				t.Error(err)
				return
			}
			defer r.Close()
			want := fmt.Sprint("through pipe ", i)
			fmt.Fprint(w, want)
			w.Close()
			var got string
			// A megabyte of arguments does not fit the socket's buffer, so that the line is sent in parts.
			args := map[string]string{"fdname": strings.Repeat("m", 1<<(i%21))}
			if err := c.DoFD(t.Context(), "getfd", args, &got, r); err != nil || got != want {
				t.Errorf("got %q, %v, want %q", got, err, want)
			}
		})
	}
	wg.Wait()

	closed, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	if err := c.DoFD(t.Context(), "getfd", nil, nil, closed); err == nil || errors.Is(err, qmp.ErrUnanswered) {
		t.Errorf("a closed file: %v", err)
	}
	var refused *qmp.Error
	if err := c.Do(t.Context(), "getfd", nil, nil); !errors.As(err, &refused) {
		t.Errorf("without a file: %v", err)
	}
}

func TestPassFileOverPipe(t *testing.T) {
	ours, theirs := net.Pipe()
	go func() {
		p := qmptest.NewPeer(theirs)
		p.Greet("10.0.2")
		p.Next()
	}()
	c, err := qmp.New(t.Context(), ours)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.DoFD(t.Context(), "getfd", nil, nil, os.Stdin); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("got %v", err)
	}
	if _, err := c.Redial(t.Context()); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("redial: %v", err)
	}
	if c.Peer() != 0 {
		t.Errorf("peer of a pipe: %d", c.Peer())
	}
}

// A peer that answers what it was not asked must not upset the count of commands on the wire.
func TestUnaskedReplies(t *testing.T) {
	c := dial(t, func(p *qmptest.Peer) {
		var b bytes.Buffer
		for id := range 1000 {
			fmt.Fprintf(&b, `{"return": {"n": -1}, "id": %d}`, id)
		}
		b.WriteString(`{"return": {}, "id": "x"} {"return": {}, "id": null} {"return": {}, "id": -1e99}`)
		p.Write(b.Bytes())
		p.Event(qmp.Event{Name: "DONE"})
		echo(p)
	}, "oob")
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() { c.Do(t.Context(), "echo", number{1}, nil) })
	}
	wg.Wait()
	<-c.Events()
	var got number
	if err := c.Do(t.Context(), "echo", number{5}, &got); err != nil || got.N != 5 {
		t.Errorf("got %d, %v", got.N, err)
	}
}
