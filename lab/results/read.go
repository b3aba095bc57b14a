package results

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/klauspost/compress/zstd"
)

// Set is a results file as read: what is whole of it, and what is not.
type Set struct {
	Header  Header
	Trials  []Trial  // in the order of the plan
	Damaged []string // what could not be used, in words
}

// ErrNoResults is Read's error when not even the first line can be used.
var ErrNoResults = errors.New("these are no results of an experiment")

var errFormat = errors.New("the results are of another format")

// longest is far above any line: a trial's is some kilobytes.
const longest = 16 << 20

// ReadFile reads a results file, compressed or not.
func ReadFile(path string) (Set, error) {
	f, err := os.Open(path)
	if err != nil {
		return Set{}, fmt.Errorf("read results: %w", err)
	}
	defer f.Close()
	s, err := Read(f)
	if err != nil {
		err = fmt.Errorf("read %s: %w", path, err)
	}
	return s, err
}

// Read reads results, compressed with zstd or not. Lines that are torn, changed or there twice are left out and named
// in Set.Damaged.
func Read(r io.Reader) (Set, error) {
	in := bufio.NewReader(r)
	if start, _ := in.Peek(4); compressed(start) {
		z, err := zstd.NewReader(in, zstd.WithDecoderMaxMemory(1<<30))
		if err != nil {
			return Set{}, fmt.Errorf("%w: %w", err, ErrNoResults)
		}
		defer z.Close()
		r = z
	} else {
		r = in
	}
	var s Set
	at := map[int]int{} // line by trial
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, longest)
	n := 0
	for lines.Scan() {
		n++
		switch err := s.add(lines.Bytes(), n, at); {
		case errors.Is(err, errFormat):
			return Set{}, err
		case err != nil && len(lines.Bytes()) > 0:
			s.Damaged = append(s.Damaged, fmt.Sprintf("line %d: %v", n, err))
		}
	}
	if err := lines.Err(); err != nil { // a compressed file that ends in the middle, a line without end
		s.Damaged = append(s.Damaged, fmt.Sprintf("what follows line %d: %v", n, err))
	}
	switch {
	case s.Header.Walm == 0 && len(s.Trials) == 0 && len(s.Damaged) > 0:
		return Set{}, fmt.Errorf("%s: %w", s.Damaged[0], ErrNoResults)
	case s.Header.Walm == 0 && len(s.Trials) == 0:
		return Set{}, fmt.Errorf("there is nothing in it: %w", ErrNoResults)
	case s.Header.Walm == 0:
		s.Damaged = append(s.Damaged, "the header is missing")
	}
	slices.SortFunc(s.Trials, func(a, b Trial) int { return cmp.Compare(a.N, b.N) })
	return s, nil
}

func compressed(start []byte) bool { return bytes.HasPrefix(start, []byte{0x28, 0xb5, 0x2f, 0xfd}) }

// add takes line n into s. at holds the line that each trial came from.
func (s *Set) add(text []byte, n int, at map[int]int) error {
	l, err := decode(text)
	if err != nil {
		return err
	}
	if l.Header != nil {
		return s.begin(l.Header)
	}
	var t Trial
	if err := strict(l.Trial, &t); err != nil {
		return fmt.Errorf("the trial cannot be read: %w", err)
	}
	if first, twice := at[t.N]; twice {
		return fmt.Errorf("trial %d is in line %d already", t.N, first)
	}
	at[t.N] = n
	s.Trials = append(s.Trials, t)
	return nil
}

// begin takes the header into s.
func (s *Set) begin(text []byte) error {
	if s.Header.Walm != 0 {
		return errors.New("a second header")
	}
	var format struct{ Walm int }
	if err := json.Unmarshal(text, &format); err != nil {
		return fmt.Errorf("the header cannot be read: %w", err)
	}
	if format.Walm != Version {
		return fmt.Errorf("%w: of version %d, and this walm reads %d", errFormat, format.Walm, Version)
	}
	var h Header
	if err := strict(text, &h); err != nil {
		return fmt.Errorf("the header cannot be read: %w", err)
	}
	s.Header = h
	return nil
}
