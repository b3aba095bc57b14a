// Package kept holds the results of a study that has no experiment's file: a line of JSON each, only ever added to, so that a
// run goes on where the last one stopped.
package kept

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// longest is more than a result is long: those that hold a look at a VM have some 100 KiB.
const longest = 4 << 20

// Load reads the results in a file; none where there is no file.
func Load[T any](file string) (all []T, err error) {
	f, err := os.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, longest)
	for lines.Scan() {
		var one T
		if err := json.Unmarshal(lines.Bytes(), &one); err != nil {
			return nil, fmt.Errorf("%s, result %d: %w; remove the line to have it repeated", file, len(all)+1, err)
		}
		all = append(all, one)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%s, result %d: %w", file, len(all)+1, err)
	}
	return all, nil
}

// Add adds a result to a file and returns once it is on the disk.
func Add(file string, result any) error {
	line, err := json.Marshal(result)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(append(line, '\n'))
	return errors.Join(err, f.Sync(), f.Close())
}
