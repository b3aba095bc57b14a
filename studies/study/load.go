package study

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"time"

	"walm/lab/experiment"
	"walm/lab/results"
)

// ResultsDir is the folder of a study's raw results, within Study.Files.
const ResultsDir = "results"

// Suffixes are those of results files, the one that is looked for first in front.
func Suffixes() []string { return []string{".jsonl.zst", ".jsonl"} }

// Load reads the results of the study's experiments from a folder: NAME.jsonl.zst or NAME.jsonl for NAME.yaml. What is
// not there is absent from Data.
func (s Study) Load(dir fs.FS) (Data, error) {
	d := Data{}
	for _, run := range s.Runs {
		name := strings.TrimSuffix(run, path.Ext(run))
		for _, suffix := range Suffixes() {
			f, err := dir.Open(name + suffix)
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				return nil, fmt.Errorf("read results of %s: %w", name, err)
			}
			set, err := results.Read(f)
			f.Close()
			if err != nil {
				return nil, fmt.Errorf("read %s%s: %w", name, suffix, err)
			}
			d[name] = set
			break
		}
	}
	return d, nil
}

// Committed reads the results that the study carries.
func (s Study) Committed() (Data, error) {
	dir, err := fs.Sub(s.Files, ResultsDir)
	if err != nil {
		return nil, err
	}
	return s.Load(dir)
}

// Experiment reads one of the study's files: "size.yaml" or "full/size.yaml".
func (s Study) Experiment(file string) (*experiment.Experiment, error) {
	text, err := fs.ReadFile(s.Files, file)
	if err != nil {
		return nil, err
	}
	return experiment.Parse(file, text)
}

// Full lists the files of the design as published, in the order of their names.
func (s Study) Full() ([]string, error) { return fs.Glob(s.Files, "full/*.yaml") }

// Planned counts the migrations of all runs.
func (s Study) Planned() (int, error) {
	n := 0
	for _, run := range s.Runs {
		x, err := s.Experiment(run)
		if err != nil {
			return 0, err
		}
		plan, err := x.Plan()
		if err != nil {
			return 0, err
		}
		n += len(plan)
	}
	return n, nil
}

// Spent counts the trials and how long they took, with boots, warm-up and checks.
func (d Data) Spent() (trials int, took time.Duration) {
	for _, set := range d {
		trials += len(set.Trials)
		for _, t := range set.Trials {
			took += t.Took
		}
	}
	return trials, took
}
