// Package wire is what the host and the program in a lab guest say to each other over a serial port: one JSON object a
// line, followed by its CRC-32. A migration may cut a line in half or lose it, so a reader drops what does not check
// and every request can be repeated. Lines stay below 150 bytes, because each byte costs an exit from the guest.
package wire

import (
	"encoding/json"
	"fmt"
	"hash/crc32"
	"strconv"
	"time"

	"walm/lab/guest/load"
	"walm/vm"
)

// Version is the version of these messages.
const Version = 1

// EchoPort is the UDP port on which a guest sends every datagram back.
const EchoPort = 7707

// Traffic of the workloads net-out and net-in: datagrams of so many bytes, which fit into one frame, to this port.
const (
	TrafficPort = 7708
	Datagram    = 1400
)

// ClientAddress is the lab's client, as the guest sees it.
var ClientAddress = [4]byte{10, 77, 0, 9}

// Kind is what a Message tells.
type Kind string

// What a guest tells.
const (
	Hello     Kind = "hello"     // the guest is up: Version, Boot, and Workload if it has one; answer to Ping
	Ready     Kind = "ready"     // Workload has filled Arena bytes and runs
	Beat      Kind = "beat"      // ten a second: Up, Ops, Bytes
	Marked    Kind = "marked"    // answer to Mark
	Verified  Kind = "verified"  // answer to Verify: Check
	Stopped   Kind = "stopped"   // answer to Stop
	Corrupted Kind = "corrupted" // answer to Corrupt
	Error     Kind = "error"     // Error says what could not be done
	Died      Kind = "died"      // Error says which part of the workload has ended by itself, and why
)

// Message is one line from the guest. Fields that its Kind does not name are zero.
type Message struct {
	At       time.Time     `json:"-"` // host's clock, on arrival
	Kind     Kind          `json:"kind"`
	ID       uint32        `json:"id,omitempty"` // of the Command that it answers
	Version  int           `json:"version,omitempty"`
	Boot     string        `json:"boot,omitempty"` // changes if the guest boots anew
	Workload string        `json:"workload,omitempty"`
	Arena    vm.Bytes      `json:"arena,omitempty"`
	Up       time.Duration `json:"up,omitempty"`    // CLOCK_MONOTONIC of the guest, which stands while its vCPUs do
	Ops      uint64        `json:"ops,omitempty"`   // work done since the workload began
	Bytes    vm.Bytes      `json:"bytes,omitempty"` // written since the workload began
	Check    load.Check    `json:"check,omitzero"`
	Error    string        `json:"error,omitempty"`
}

// Verb is what a Command asks for.
type Verb string

// What a guest can be asked.
const (
	Ping    Verb = "ping"    // say Hello
	Start   Verb = "start"   // end the workload that runs, if any, and start Workload
	Stop    Verb = "stop"    // end the workload
	Mark    Verb = "mark"    // count the pages that are written from now on
	Verify  Verb = "verify"  // check all of the workload's memory
	Corrupt Verb = "corrupt" // flip a bit of page Page, so that the next Verify must fail

	Reboot   Verb = "reboot"   // boot anew at once; there is no answer
	PowerOff Verb = "poweroff" // end the machine at once; there is no answer
)

// Command is one line to the guest.
type Command struct {
	Verb     Verb   `json:"verb"`
	ID       uint32 `json:"id,omitempty"` // of the sender's choice; the answer carries it
	Workload string `json:"workload,omitempty"`
	Page     uint   `json:"page,omitempty"`
}

// MaxLine is the longest line that is looked at, without its end.
const MaxLine = 1024

const trailer = 1 + 8 // a space and the CRC in hexadecimal

// Line encodes v with its CRC and line end.
func Line(v any) ([]byte, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode a line for the serial port: %w", err)
	}
	if len(b)+trailer > MaxLine {
		return nil, fmt.Errorf("a line of %d bytes is too long for the serial port: %d at most", len(b)+trailer, MaxLine)
	}
	return fmt.Appendf(b, " %08x\n", crc32.ChecksumIEEE(b)), nil
}

// Parse decodes a line, without its end, into v. It returns false for anything that Line did not write.
func Parse(line []byte, v any) bool {
	n := len(line) - trailer
	if n < 0 || len(line) > MaxLine || line[n] != ' ' {
		return false
	}
	sum, err := strconv.ParseUint(string(line[n+1:]), 16, 32)
	return err == nil && uint32(sum) == crc32.ChecksumIEEE(line[:n]) && json.Unmarshal(line[:n], v) == nil
}
