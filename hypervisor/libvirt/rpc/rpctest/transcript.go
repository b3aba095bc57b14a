package rpctest

import (
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
)

// Directions of an [Entry].
const (
	FromDaemon   = "<"
	ToDaemon     = ">"
	Connected    = "+"
	Disconnected = "-"
)

// Entry is one line of a transcript: a file of JSON lines, compressed if its name ends in .gz. Keep-alive is not kept.
//
//	{"dir":"+","t":0,"client":1}
//	{"dir":">","t":0.3,"client":1,"what":"remote 59","kind":0,"serial":3}
//	{"dir":"<","t":0.5,"client":1,"what":"remote 59","kind":1,"serial":3,"body":"AAAABWFscGhhAAAA"}
//	{"dir":"-","t":9.9,"client":1}
type Entry struct {
	Dir    string  `json:"dir"`
	T      float64 `json:"t"`      // milliseconds since the recording began
	Client int     `json:"client"` // which connection, from 1 on
	What   string  `json:"what,omitempty"`
	Kind   uint32  `json:"kind,omitempty"`
	Serial uint32  `json:"serial,omitempty"`
	Status uint32  `json:"status,omitempty"`
	Body   []byte  `json:"body,omitempty"`
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
		if err == nil {
			err = e.check()
		}
		if err != nil {
			return nil, fmt.Errorf("transcript: entry %d: %w", n, err)
		}
		entries = append(entries, e)
	}
}

func (e Entry) check() error {
	switch e.Dir {
	case FromDaemon, ToDaemon:
		_, _, err := e.procedure()
		return err
	case Connected, Disconnected:
		return nil
	}
	return fmt.Errorf("direction %q is none of < > + -", e.Dir)
}

// procedure takes What apart.
func (e Entry) procedure() (program, number uint32, err error) {
	var of string
	if _, err := fmt.Sscanf(e.What, "%s %d", &of, &number); err != nil {
		return 0, 0, fmt.Errorf("%q is no procedure: want a program and a number", e.What)
	}
	switch of {
	case "remote":
		return Remote, number, nil
	case "qemu":
		return QEMU, number, nil
	}
	return 0, 0, fmt.Errorf("program %q is neither remote nor qemu", of)
}

// message is the entry as it passed, with another serial.
func (e Entry) message(serial uint32) Message {
	program, number, _ := e.procedure() // checked when it was read
	return Message{Program: program, Version: 1, Procedure: number, Kind: e.Kind, Serial: serial, Status: e.Status, Body: e.Body}
}

// Load reads a transcript's file.
func Load(t testing.TB, file string) []Entry {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var r io.Reader = f
	if strings.HasSuffix(file, ".gz") {
		if r, err = gzip.NewReader(f); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
	}
	entries, err := ReadTranscript(r)
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return entries
}
