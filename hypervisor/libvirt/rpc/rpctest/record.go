package rpctest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// Record listens on the UNIX socket listen, relays its clients to the daemon's socket, and writes what passes, but for
// keep-alive, as a transcript to w. It returns as soon as clients can connect. Recording goes on until ctx ends; wait then
// returns the first error. A message is written to w before it is passed on, so an effect never stands before its cause.
func Record(ctx context.Context, listen, daemon string, w io.Writer) (wait func() error, err error) {
	l, err := net.Listen("unix", listen)
	if err != nil {
		return nil, fmt.Errorf("record: %w", err)
	}
	r := &recorder{began: time.Now(), w: json.NewEncoder(w)}
	ended := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() { l.Close() })
	go func() {
		defer stop()
		var wg sync.WaitGroup
		for n := 1; ; n++ {
			client, err := l.Accept()
			if err != nil {
				break
			}
			wg.Go(func() { r.relay(ctx, n, client, daemon) })
		}
		wg.Wait()
		r.mu.Lock()
		defer r.mu.Unlock()
		ended <- r.err
	}()
	return sync.OnceValue(func() error { return <-ended }), nil
}

type recorder struct {
	began time.Time

	mu  sync.Mutex
	w   *json.Encoder
	err error // the first
}

func (r *recorder) write(e Entry) {
	e.T = float64(time.Since(r.began).Microseconds()) / 1000
	r.mu.Lock()
	defer r.mu.Unlock()
	r.err = errors.Join(r.err, r.w.Encode(e))
}

func (r *recorder) relay(ctx context.Context, n int, client net.Conn, path string) {
	defer client.Close()
	var d net.Dialer
	daemon, err := d.DialContext(ctx, "unix", path)
	if err != nil {
		r.mu.Lock()
		r.err = errors.Join(r.err, err)
		r.mu.Unlock()
		return
	}
	hangUp := func() { client.Close(); daemon.Close() }
	defer context.AfterFunc(ctx, hangUp)()
	r.write(Entry{Dir: Connected, Client: n})
	var both sync.WaitGroup
	both.Go(func() { r.pass(daemon, client, Entry{Dir: ToDaemon, Client: n}); hangUp() })
	both.Go(func() { r.pass(client, daemon, Entry{Dir: FromDaemon, Client: n}); hangUp() })
	both.Wait()
	r.write(Entry{Dir: Disconnected, Client: n})
}

// pass copies messages until either end is gone.
func (r *recorder) pass(dst io.Writer, src io.Reader, as Entry) {
	for {
		m, err := Read(src)
		if err != nil {
			return
		}
		if m.Program != KeepAlive {
			e := as
			e.What, e.Kind, e.Serial, e.Status, e.Body = name(m.Program, m.Procedure), m.Kind, m.Serial, m.Status, m.Body
			r.write(e)
		}
		if _, err := dst.Write(m.Bytes()); err != nil {
			return
		}
	}
}
