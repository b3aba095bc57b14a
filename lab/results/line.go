package results

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/crc32"
)

// line is one line of a file: a header or a trial, with the CRC-32 of its JSON text as it stands.
type line struct {
	CRC    string          `json:"crc"`
	Header json.RawMessage `json:"header,omitempty"`
	Trial  json.RawMessage `json:"trial,omitempty"`
}

// beginning is how every file begins.
const beginning = `{"crc":"`

func (l line) content() json.RawMessage {
	if l.Header != nil {
		return l.Header
	}
	return l.Trial
}

// encode writes v, a Header or a Trial, as a line with its end.
func encode(v any) ([]byte, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	l := line{CRC: sum(text)}
	if _, ok := v.(Header); ok {
		l.Header = text
	} else {
		l.Trial = text
	}
	b, err := json.Marshal(l)
	return append(b, '\n'), err
}

func sum(b []byte) string { return fmt.Sprintf("%08x", crc32.ChecksumIEEE(b)) }

// decode reads a line; its content checks.
func decode(b []byte) (line, error) {
	var l line
	if err := json.Unmarshal(b, &l); err != nil {
		return l, fmt.Errorf("not whole: %w", err)
	}
	if l.content() == nil {
		return l, fmt.Errorf("neither header nor trial")
	}
	if got := sum(l.content()); got != l.CRC {
		return l, fmt.Errorf("its checksum is %s, not %s: it was changed", got, l.CRC)
	}
	return l, nil
}

// strict decodes what walm wrote itself: an unknown field is of another version.
func strict(text []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	return d.Decode(v)
}
