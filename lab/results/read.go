package results

import (
	"bufio"
	"bytes"
	"cmp"
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
	if magic, _ := in.Peek(4); bytes.Equal(magic, []byte{0x28, 0xb5, 0x2f, 0xfd}) {
		z, err := zstd.NewReader(in, zstd.WithDecoderMaxMemory(1<<30))
		if err != nil {
			return Set{}, err
		}
		defer z.Close()
		in = bufio.NewReader(z)
	}
	var s Set
	at := map[int]int{} // line by trial
	for n := 1; ; n++ {
		text, err := in.ReadBytes('\n')
		if len(text) > longest {
			return s, fmt.Errorf("line %d is longer than %d bytes: %w", n, longest, ErrNoResults)
		}
		if len(bytes.TrimSpace(text)) > 0 {
			if problem := s.add(text, n, at); problem != nil {
				if n == 1 {
					return s, fmt.Errorf("line 1: %w: %w", problem, ErrNoResults)
				}
				s.Damaged = append(s.Damaged, fmt.Sprintf("line %d: %v", n, problem))
			}
		}
		switch {
		case err == io.EOF && n == 1 && len(text) == 0:
			return s, fmt.Errorf("it is empty: %w", ErrNoResults)
		case err == io.EOF:
			slices.SortFunc(s.Trials, func(a, b Trial) int { return cmp.Compare(a.N, b.N) })
			return s, nil
		case err != nil && n > 1: // a compressed file that ends in the middle
			s.Damaged = append(s.Damaged, fmt.Sprintf("what follows line %d: %v", n, err))
			slices.SortFunc(s.Trials, func(a, b Trial) int { return cmp.Compare(a.N, b.N) })
			return s, nil
		case err != nil:
			return s, fmt.Errorf("%w: %w", err, ErrNoResults)
		}
	}
}

// add takes line n into s. at holds the line that each trial came from.
func (s *Set) add(text []byte, n int, at map[int]int) error {
	l, err := decode(text)
	if err != nil {
		return err
	}
	if n == 1 {
		switch {
		case l.Header == nil:
			return errors.New("the header is missing")
		default:
			if err := strict(l.Header, &s.Header); err != nil {
				return fmt.Errorf("the header cannot be read: %w", err)
			}
			if s.Header.Walm != Version {
				return fmt.Errorf("the results are of format %d, and this walm reads %d", s.Header.Walm, Version)
			}
			return nil
		}
	}
	if l.Trial == nil {
		return errors.New("a second header")
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
