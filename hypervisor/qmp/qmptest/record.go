package qmptest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"syscall"
	"time"
)

// Record listens on the Unix socket listen, relays its clients one after the other to the QEMU monitor at qemu, and
// writes what passes, in both directions, as a transcript to w. It returns as soon as clients can connect. Recording
// goes on until ctx ends; wait then returns the first error of writing the transcript, which does not stop the relay.
//
// Bytes pass unaltered and without delay, files too. A message is written to w before it is passed on, so an effect
// never stands before its cause.
func Record(ctx context.Context, listen, qemu string, w io.Writer) (wait func() error, err error) {
	return NewRecorder(w).Record(ctx, "", listen, qemu)
}

// Recorder makes one transcript of several monitors, for [Replay].
type Recorder struct {
	began time.Time

	mu  sync.Mutex
	w   io.Writer
	err error // the first
}

// NewRecorder records to w.
func NewRecorder(w io.Writer) *Recorder { return &Recorder{w: w, began: time.Now()} }

// Record is as the function of that name, for one of the monitors, which the transcript calls name.
func (r *Recorder) Record(ctx context.Context, name, listen, qemu string) (wait func() error, err error) {
	l, err := net.Listen("unix", listen)
	if err != nil {
		return nil, fmt.Errorf("record: %w", err)
	}
	ended := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() { l.Close() })
	go func() {
		defer stop()
		defer l.Close()
		for {
			client, err := l.Accept()
			if err != nil {
				if ctx.Err() == nil {
					r.failed(fmt.Errorf("accept: %w", err))
				}
				break
			}
			(&relay{r, name}).serve(ctx, client.(*net.UnixConn), qemu)
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		ended <- r.err
	}()
	return sync.OnceValue(func() error { return <-ended }), nil
}

func (r *Recorder) failed(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err == nil {
		r.err = fmt.Errorf("record: %w", err)
	}
}

// relay records one monitor.
type relay struct {
	*Recorder
	name string
}

func (r *relay) write(at time.Time, e Entry) {
	e.Peer, e.T = r.name, float64(at.Sub(r.began).Microseconds())/1000
	r.mu.Lock()
	err := WriteEntry(r.w, e)
	r.mu.Unlock()
	if err != nil {
		r.failed(err)
	}
}

// serve serves one client until either side ends the connection, or ctx.
func (r *relay) serve(ctx context.Context, client *net.UnixConn, path string) {
	defer client.Close()
	r.write(time.Now(), Entry{Dir: Connected})
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", path)
	if err != nil {
		r.write(time.Now(), Entry{Dir: Disconnected, Msg: []byte(`"qemu"`)})
		r.failed(err)
		return
	}
	qemu := conn.(*net.UnixConn)
	hangUp := func() { client.Close(); qemu.Close() }
	defer context.AfterFunc(ctx, hangUp)()

	var by sync.Once
	end := func(who string) {
		by.Do(func() {
			quoted, _ := json.Marshal(who)
			r.write(time.Now(), Entry{Dir: Disconnected, Msg: quoted})
		})
		hangUp()
	}
	var wg sync.WaitGroup
	wg.Go(func() { r.pass(qemu, client, ToQEMU); end("client") })
	wg.Go(func() { r.pass(client, qemu, FromQEMU); end("qemu") })
	wg.Wait()
}

// pass copies from src to dst until either is closed.
func (r *relay) pass(dst, src *net.UnixConn, dir string) {
	var split splitter
	var at time.Time
	var fds int
	whole := func(m []byte) {
		r.write(at, Entry{Dir: dir, Msg: bytes.Clone(m), FDs: fds})
		fds = 0
	}
	garbage := func(b []byte) { r.write(at, Entry{Dir: dir, Raw: bytes.Clone(b)}) }
	defer func() { split.flush(garbage) }()

	buf := make([]byte, 64<<10)
	for {
		n, passed, err := receive(src, buf)
		at = time.Now()
		fds += len(passed)
		split.feed(buf[:n], whole, garbage)
		if n > 0 {
			err = errors.Join(err, forward(dst, buf[:n], passed))
		}
		closeAll(passed)
		if err != nil {
			return
		}
	}
}

// forward sends b with files attached to its first byte.
func forward(dst *net.UnixConn, b []byte, fds []int) error {
	if len(fds) > 0 {
		n, _, err := dst.WriteMsgUnix(b, syscall.UnixRights(fds...), nil)
		if err != nil {
			return err
		}
		b = b[n:]
	}
	_, err := dst.Write(b)
	return err
}
