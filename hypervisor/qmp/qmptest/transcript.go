package qmptest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Directions of an [Entry].
const (
	FromQEMU     = "<"
	ToQEMU       = ">"
	Connected    = "+"
	Disconnected = "-"
	Remark       = "#"
)

// Entry is one line of a transcript; see the package's description.
type Entry struct {
	Dir  string          `json:"dir"`
	Peer string          `json:"peer,omitempty"` // which of several monitors
	T    float64         `json:"t"`              // milliseconds since the recording began
	Msg  json.RawMessage `json:"msg,omitempty"`
	Raw  []byte          `json:"raw,omitempty"`
	FDs  int             `json:"fds,omitempty"`
}

// ReadTranscript reads a transcript to its end.
func ReadTranscript(r io.Reader) ([]Entry, error) {
	var entries []Entry
	dec := json.NewDecoder(r)
	for n := 1; ; n++ {
		var e Entry
		err := dec.Decode(&e)
		if errors.Is(err, io.EOF) {
			return entries, nil
		}
		if err != nil {
			return nil, fmt.Errorf("transcript: entry %d: %w", n, err)
		}
		switch e.Dir {
		case FromQEMU, ToQEMU:
			if (e.Msg == nil) == (e.Raw == nil) {
				return nil, fmt.Errorf("transcript: entry %d: want either msg or raw", n)
			}
		case Connected, Disconnected, Remark:
		default:
			return nil, fmt.Errorf("transcript: entry %d: direction %q is none of < > + - #", n, e.Dir)
		}
		entries = append(entries, e)
	}
}

// WriteEntry appends one line to a transcript.
func WriteEntry(w io.Writer, e Entry) error {
	var line bytes.Buffer
	enc := json.NewEncoder(&line)
	enc.SetEscapeHTML(false) // which would alter the message
	if err := enc.Encode(e); err != nil {
		return fmt.Errorf("transcript: %w", err)
	}
	_, err := w.Write(line.Bytes())
	return err
}

// withID is msg with the value of its member "id" replaced and not a byte changed elsewhere. Without such a member it is
// msg itself.
func withID(msg, id json.RawMessage) json.RawMessage {
	dec := json.NewDecoder(bytes.NewReader(msg))
	if _, err := dec.Token(); err != nil {
		return msg
	}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return msg
		}
		var value json.RawMessage
		if dec.Decode(&value) != nil {
			return msg
		}
		if key == "id" {
			end := int(dec.InputOffset())
			return bytes.Join([][]byte{msg[:end-len(value)], id, msg[end:]}, nil)
		}
	}
	return msg
}

// splitter takes a byte stream apart into JSON objects and what is between them.
type splitter struct {
	part     []byte // of the current object or garbage
	depth    int    // of braces and brackets
	inString bool
	escaped  bool
}

// feed calls whole for every object that b completes, and garbage for what was before it and is no white space.
func (s *splitter) feed(b []byte, whole, garbage func([]byte)) {
	for _, c := range b {
		if s.depth == 0 && (c == '{' || c == '[' || c == '\n') {
			s.flush(garbage)
		}
		s.part = append(s.part, c)
		switch {
		case s.depth == 0 && c != '{' && c != '[':
		case s.escaped:
			s.escaped = false
		case s.inString:
			s.escaped = c == '\\'
			s.inString = c != '"'
		case c == '"':
			s.inString = true
		case c == '{' || c == '[':
			s.depth++
		case c == '}' || c == ']':
			s.depth--
			if s.depth > 0 {
				continue
			}
			if json.Valid(s.part) {
				whole(s.part)
				s.part = nil
			} else {
				s.flush(garbage)
			}
		}
	}
}

// flush calls garbage for an incomplete object or what else is left over.
func (s *splitter) flush(garbage func([]byte)) {
	if len(bytes.TrimSpace(s.part)) > 0 {
		garbage(s.part)
	}
	*s = splitter{}
}
