package experiment

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// FuzzParse: whatever a file holds, it is refused by an *Error or gives a plan that is the same each time.
func FuzzParse(f *testing.F) {
	f.Add([]byte(small))
	files, _ := filepath.Glob("../../examples/*.yaml")
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		x, err := Parse("fuzz.yaml", text)
		if err != nil {
			var wrong *Error
			if !errors.As(err, &wrong) {
				t.Fatalf("%T: %v", err, err)
			}
			return
		}
		first, err := x.Plan()
		if err != nil || len(first) == 0 {
			t.Fatalf("Parse takes it, and there is no plan: %v", err)
		}
		if len(first) > 1000 {
			return // the plan is made the same way, and takes long to compare
		}
		again, err := x.Plan()
		if err != nil {
			t.Fatal(err)
		}
		a, errA := Fingerprint(first)
		b, errB := Fingerprint(again)
		if a != b || errA != nil || errB != nil {
			t.Errorf("two plans: %s %v, %s %v", a, errA, b, errB)
		}
	})
}
