package journal

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/crc32"
)

// A line is {"crc":"1c291ca3","seq":7,"entry":{…}}: the checksum is of all that follows its comma. Every line begins so, and
// within one these bytes are not found again, because JSON escapes a quotation mark: a line that is glued to what a crash
// left before it is still found.
const (
	opening = `{"crc":"`
	digits  = 8
	closing = `",`
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// encode makes the line of an entry.
func encode(seq uint64, entry any) ([]byte, error) {
	body, err := json.Marshal(entry)
	if err != nil {
		return nil, err
	}
	rest := fmt.Appendf(nil, `"seq":%d,"entry":%s}`, seq, body)
	line := fmt.Appendf(nil, `%s%08x%s`, opening, crc32.Checksum(rest, castagnoli), closing)
	return append(append(line, rest...), '\n'), nil
}

// decode reads a line without its end.
func decode(line []byte) (seq uint64, entry json.RawMessage, ok bool) {
	sum := len(opening) + digits
	if len(line) < sum+len(closing) || string(line[:len(opening)]) != opening || string(line[sum:sum+len(closing)]) != closing {
		return 0, nil, false
	}
	rest := line[sum+len(closing):]
	if string(line[len(opening):sum]) != fmt.Sprintf("%08x", crc32.Checksum(rest, castagnoli)) {
		return 0, nil, false
	}
	var l struct {
		Seq   uint64
		Entry json.RawMessage
	}
	if json.Unmarshal(line, &l) != nil || l.Entry == nil {
		return 0, nil, false
	}
	return l.Seq, l.Entry, true
}

// Contents are what a journal's file holds.
type Contents struct {
	Entries []Entry
	Dropped []string // what could not be read, in words, in the file's order
	// Gap says that what was dropped behind the last entry is more than a line that was being written.
	Gap  bool
	last uint64 // number of the last entry
}

// Entry is one entry as it was written.
type Entry struct {
	JSON json.RawMessage
	Gap  bool // something before it, behind the entry before, was lost
}

// parse reads all that can be read. What cannot is told and never hides what stands before or behind it.
func parse(text []byte) (c Contents) {
	n := 0
	for line := range bytes.Lines(text) {
		n++
		body, whole := bytes.CutSuffix(line, []byte("\n"))
		if len(bytes.TrimSpace(body)) == 0 {
			continue
		}
		seq, entry, ok := decode(body)
		if i := bytes.LastIndex(body, []byte(opening)); !ok && i > 0 {
			if seq, entry, ok = decode(body[i:]); ok {
				c.drop(n, "damaged", body[:i])
			}
		}
		switch {
		case ok:
			c.add(n, seq, entry)
		case whole:
			c.drop(n, "damaged", body)
		default:
			gap := c.Gap
			c.drop(n, "torn", body)
			c.Gap = gap
		}
	}
	return c
}

func (c *Contents) add(line int, seq uint64, entry json.RawMessage) {
	if len(c.Entries) > 0 && !c.Gap && seq > c.last+1 { // a gap that is known explains the numbers
		c.Dropped = append(c.Dropped, fmt.Sprintf("before line %d: %d entries are missing", line, seq-c.last-1))
		c.Gap = true
	}
	c.Entries = append(c.Entries, Entry{entry, c.Gap})
	c.last, c.Gap = seq, false
}

func (c *Contents) drop(line int, how string, text []byte) {
	c.Dropped = append(c.Dropped, fmt.Sprintf("line %d, %s: %.80q", line, how, text))
	c.Gap = true
}
