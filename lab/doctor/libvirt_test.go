package doctor

import (
	"errors"
	"strings"
	"testing"
)

func TestLibvirtFinding(t *testing.T) {
	for _, tt := range []struct {
		name             string
		fetched, lacking []string
		failed           error
		level            Level
		says             string
	}{
		{"all there", []string{"9.0.0", "11.3.0"}, nil, nil, OK, "libvirt 9.0.0 and 11.3.0 is fetched"},
		{"one there", []string{"9.0.0"}, []string{"11.3"}, nil, Note, "not fetched yet: libvirt 11.3"},
		{"nothing there", nil, []string{"9.0", "11.3"}, nil, Note, "make demo-libvirt"},
		{"not root", []string{"9.0.0", "11.3.0"}, nil, errors.New("fork/exec /bin/sh: operation not permitted"), Note, "not permitted"},
	} {
		f := libvirtFinding(tt.fetched, tt.lacking, tt.failed)
		if f.Level != tt.level || !strings.Contains(f.What+f.Mend, tt.says) || len(f.Against) > 0 {
			t.Errorf("%s: %+v", tt.name, f)
		}
		if f.Level != OK && (f.Means == "" || f.Mend == "") {
			t.Errorf("%s: what it means or how it is mended is not said: %+v", tt.name, f)
		}
	}
}
