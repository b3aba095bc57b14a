package studies_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"walm/lab/experiment"
	"walm/studies"
	"walm/studies/study"
)

var update = flag.Bool("update", false, "write each study's README and figures anew")

// TestCommitted: what is committed is what the committed results give.
func TestCommitted(t *testing.T) {
	for _, s := range studies.All() {
		t.Run(s.Name, func(t *testing.T) {
			d, err := s.Committed()
			if err != nil {
				t.Fatal(err)
			}
			p, err := study.Report(s, d)
			if err != nil {
				t.Fatal(err)
			}
			again, err := study.Report(s, d)
			if err != nil || !bytes.Equal(p.HTML, again.HTML) {
				t.Errorf("the same results gave two pages (%v)", err)
			}
			files := map[string][]byte{"README.md": p.README}
			for name, svg := range p.Figures {
				files[name] = svg
			}
			for name, want := range files {
				path := filepath.Join(s.Name, filepath.FromSlash(name))
				if *update {
					write(t, path, want)
				}
				if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want) {
					t.Errorf("%s is not what the results give (%v): go test ./studies -update, and look at the change", path, err)
				}
			}
		})
	}
}

func TestIndex(t *testing.T) {
	want, err := studies.Index()
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		write(t, "README.md", want)
	}
	if got, err := os.ReadFile("README.md"); err != nil || !bytes.Equal(got, want) {
		t.Errorf("README.md is not what the results give (%v): go test ./studies -update, and look at the change", err)
	}
}

func write(t *testing.T, path string, b []byte) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestFiles: every experiment can be read and planned, what is run is there, and names tell results apart.
func TestFiles(t *testing.T) {
	for _, s := range studies.All() {
		var files []string
		for _, pattern := range []string{"*.yaml", "full/*.yaml"} {
			found, err := filepath.Glob(filepath.Join(s.Name, pattern))
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, found...)
		}
		names := map[string]string{}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			x, err := experiment.Parse(file, text)
			if err != nil {
				t.Error(err)
				continue
			}
			if other, taken := names[x.Name]; taken {
				t.Errorf("%s and %s are both called %s", file, other, x.Name)
			}
			names[x.Name] = file
		}
		if full, err := s.Full(); err != nil || len(full) == 0 {
			t.Errorf("%s has no design as published (%v)", s.Name, err)
		}
		for _, run := range s.Runs {
			if _, err := s.Experiment(run); err != nil {
				t.Errorf("%s runs %s: %v", s.Name, run, err)
			}
		}
	}
}

// TestClaims: each has its words, and none that needs results is answered without.
func TestClaims(t *testing.T) {
	for _, s := range studies.All() {
		seen := map[string]bool{}
		for _, a := range s.Answers(study.Data{}) {
			if a.ID == "" || a.Text == "" || a.Published == "" || seen[a.ID] {
				t.Errorf("%s: claim %q: no or a second such id, or no words", s.Name, a.ID)
			}
			seen[a.ID] = true
			if a.Evidence == "" || a.Ours == "" {
				t.Errorf("%s: %s is answered without a word", s.Name, a.ID)
			}
			if a.Finding.Verdict == study.NotRun && a.Ours != "–" {
				t.Errorf("%s: %s was not run and says %q", s.Name, a.ID, a.Ours)
			}
		}
	}
}
