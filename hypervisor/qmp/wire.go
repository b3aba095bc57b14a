package qmp

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"
)

// maxMessage bounds what one message of the peer may hold in memory. The largest known reply, to query-qmp-schema, is
// about 0.25 MB; QEMU's own limit for what it reads is 64 MiB too.
const maxMessage = 64 << 20

var errTooBig = errors.New("message longer than 64 MiB")

// Version is QEMU's version as told by its greeting.
type Version struct {
	Major   int    `json:"major"`
	Minor   int    `json:"minor"`
	Micro   int    `json:"micro"`
	Package string `json:"-"` // the distributor's, such as "Debian 1:10.0.2+ds-2~bpo12+1"; may be empty
}

func (v Version) String() string { return fmt.Sprintf("%d.%d.%d", v.Major, v.Minor, v.Micro) }

// request is a command as sent. Exactly one of Execute and ExecOOB is set.
type request struct {
	Execute   string `json:"execute,omitempty"`
	ExecOOB   string `json:"exec-oob,omitempty"`
	Arguments any    `json:"arguments,omitempty"`
	ID        uint64 `json:"id"`
}

// message is anything that QEMU sends: a greeting, a reply (return or error) or an event.
type message struct {
	QMP       *greeting       `json:"QMP"`
	Return    json.RawMessage `json:"return"`
	Error     *refusal        `json:"error"`
	ID        json.RawMessage `json:"id"`
	Event     string          `json:"event"`
	Data      json.RawMessage `json:"data"`
	Timestamp timestamp       `json:"timestamp"`

	received time.Time
}

type greeting struct {
	Version struct {
		QEMU    Version `json:"qemu"`
		Package string  `json:"package"`
	} `json:"version"`
	Capabilities []string `json:"capabilities"`
}

type refusal struct {
	Class string `json:"class"`
	Desc  string `json:"desc"`
}

type timestamp struct {
	Seconds      int64 `json:"seconds"`
	Microseconds int64 `json:"microseconds"`
}

// time is zero if QEMU gave no stamp, which it tells by -1 when it could not read its clock.
func (t timestamp) time() time.Time {
	if t.Seconds <= 0 || t.Microseconds < 0 {
		return time.Time{}
	}
	return time.Unix(t.Seconds, t.Microseconds*1000)
}

// id is that of the command which m answers; 0, which no command has, if there is none.
func (m *message) id() uint64 {
	id, err := strconv.ParseUint(string(m.ID), 10, 64)
	if err != nil {
		return 0
	}
	return id
}

// inbox takes the peer's byte stream apart into messages. Messages need not end in a newline nor fit a line: with
// pretty=on they span many.
type inbox struct {
	src  io.Reader
	dec  *json.Decoder
	max  int       // see maxMessage
	left int       // bytes that may still arrive before the message being read ends
	at   time.Time // when the latest bytes arrived
}

func newInbox(src io.Reader, max int) *inbox {
	in := &inbox{src: src, max: max}
	in.dec = json.NewDecoder(in)
	return in
}

// Read is the decoder's source.
func (in *inbox) Read(p []byte) (int, error) {
	if in.left == 0 {
		return 0, errTooBig
	}
	n, err := in.src.Read(p[:min(len(p), in.left)])
	in.at = time.Now()
	in.left -= n
	return n, err
}

// next returns the next message. An error is final: io.EOF after the last whole message, ErrNotQMP for what cannot be
// a message, or what ended the stream.
func (in *inbox) next() (*message, error) {
	in.left = in.max
	m := new(message)
	err := in.dec.Decode(m)
	m.received = in.at

	var syntax *json.SyntaxError
	var shape *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		said, _ := io.ReadAll(io.LimitReader(in.dec.Buffered(), 60))
		return nil, fmt.Errorf("%w: it says %q", ErrNotQMP, said)
	case errors.As(err, &shape), errors.Is(err, errTooBig):
		return nil, fmt.Errorf("%w: %w", ErrNotQMP, err)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return nil, fmt.Errorf("ended in the middle of a message: %w", err)
	case err != nil:
		return nil, err
	}
	return m, nil
}
