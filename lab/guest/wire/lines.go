package wire

import "bytes"

// Lines cuts a stream of bytes into lines. A line that is longer than MaxLine is dropped up to its end, so garbage
// never grows.
type Lines struct {
	part []byte
	skip bool
}

// Feed takes the next bytes of the stream and calls each with every line that is now complete, without its end.
// The line is only valid during the call.
func (l *Lines) Feed(b []byte, each func(line []byte)) {
	for {
		i := bytes.IndexByte(b, '\n')
		if i < 0 {
			break
		}
		if l.part = append(l.part, b[:i]...); !l.skip && len(l.part) <= MaxLine {
			each(l.part)
		}
		l.part, l.skip, b = l.part[:0], false, b[i+1:]
	}
	if l.part = append(l.part, b...); len(l.part) > MaxLine {
		l.part, l.skip = l.part[:0], true
	}
}
