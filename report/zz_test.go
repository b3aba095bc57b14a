package report

import (
	"bytes"
	"os"
	"testing"
)

func TestShow(t *testing.T) {
	os.MkdirAll("/tmp/rep", 0o755)
	for n, r := range fixtures() {
		var b bytes.Buffer
		if err := HTML(&b, r); err != nil {
			t.Fatal(err)
		}
		os.WriteFile("/tmp/rep/"+n+".html", b.Bytes(), 0o644)
		t.Log(n, b.Len())
	}
}
