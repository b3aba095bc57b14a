package report

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"walm/move"
	"walm/predict"
	"walm/vm"
)

var update = flag.Bool("update", false, "rewrite testdata; commit only what you understand")

// forms are all outputs of a record.
var forms = []struct {
	ext   string
	write func(*bytes.Buffer, move.Record) error
}{
	{"trace.txt", func(b *bytes.Buffer, r move.Record) error { return Trace(b, r.Trace, Style{}) }},
	{"forecasts.txt", func(b *bytes.Buffer, r move.Record) error { return Forecasts(b, r, Style{}) }},
	{"outcome.txt", func(b *bytes.Buffer, r move.Record) error { return Outcome(b, r, Style{}) }},
	{"json", func(b *bytes.Buffer, r move.Record) error { return JSON(b, r) }},
	{"advice.json", func(b *bytes.Buffer, r move.Record) error { return AdviceJSON(b, r) }},
	{"html", func(b *bytes.Buffer, r move.Record) error { return HTML(b, r) }},
}

func TestGolden(t *testing.T) {
	for name, rec := range fixtures() {
		for _, f := range forms {
			// Text is kept of all; of the long forms one is enough.
			if name != "hybrid" && f.ext != "outcome.txt" && !(name == "unknown" && f.ext == "forecasts.txt") {
				continue
			}
			t.Run(name+"."+f.ext, func(t *testing.T) {
				var b bytes.Buffer
				if err := f.write(&b, rec); err != nil {
					t.Fatal(err)
				}
				path := filepath.Join("testdata", name+"."+f.ext)
				if *update {
					if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(string(want), b.String()); diff != "" {
					t.Errorf("differs from %s (-want +got):\n%s", path, diff)
				}
			})
		}
	}
}

func TestDeterministicAndNotTouchingTheRecord(t *testing.T) {
	for name, rec := range fixtures() {
		for _, f := range forms {
			var a, b bytes.Buffer
			if err := f.write(&a, rec); err != nil {
				t.Fatal(name, f.ext, err)
			}
			if err := f.write(&b, rec); err != nil {
				t.Fatal(name, f.ext, err)
			}
			if !bytes.Equal(a.Bytes(), b.Bytes()) {
				t.Errorf("%s.%s differs the second time", name, f.ext)
			}
		}
		if diff := cmp.Diff(fixtures()[name], rec); diff != "" {
			t.Errorf("%s was changed: %s", name, diff)
		}
	}
}

// The zero Record is what there is when a command fails early: nothing may panic on it.
func TestZeroRecord(t *testing.T) {
	for _, f := range forms {
		if err := f.write(new(bytes.Buffer), move.Record{}); err != nil {
			t.Errorf("%s: %v", f.ext, err)
		}
	}
}

func TestSimulatedSaysSo(t *testing.T) {
	for _, f := range forms {
		for _, name := range []string{"unknown", "hybrid"} {
			var b bytes.Buffer
			rec := fixtures()[name]
			if err := f.write(&b, rec); err != nil {
				t.Fatal(err)
			}
			says := strings.Contains(b.String(), "SIMULATED") || strings.Contains(b.String(), `"simulated": true`)
			if says != rec.Simulated {
				t.Errorf("%s.%s says simulated: %v", name, f.ext, says)
			}
		}
	}
}

// What nobody read is said to be that, and what every method's forecast warns of is said once.
func TestUnread(t *testing.T) {
	rec := move.Record{Trace: vm.Trace{RAM: vm.GiB, Zero: vm.GiB / 4, Unread: vm.GiB * 3 / 4}}
	for _, m := range vm.Methods() {
		f := predict.Forecast{Method: m, Warnings: []string{"nobody read it"}}
		if m == vm.PostCopy {
			f.Warnings = append(f.Warnings, "it may be lost")
		}
		rec.Forecasts = append(rec.Forecasts, f)
	}
	var b strings.Builder
	if err := Trace(&b, rec.Trace, Style{}); err != nil {
		t.Fatal(err)
	}
	if err := Forecasts(&b, rec, Style{}); err != nil {
		t.Fatal(err)
	}
	for text, times := range map[string]int{"present   not known": 1, "768 MiB (75 %), zero or not": 1, "! nobody read it": 1, "nobody read it": 1,
		"! post-copy: it may be lost": 1} {
		if n := strings.Count(b.String(), text); n != times {
			t.Errorf("%q is said %d times, not %d:\n%s", text, n, times, b.String())
		}
	}
}

func TestColorOnlyWhenAsked(t *testing.T) {
	for _, color := range []bool{false, true} {
		var b bytes.Buffer
		rec := hybrid()
		style := Style{Color: color}
		for _, err := range []error{Trace(&b, rec.Trace, style), Forecasts(&b, rec, style), Outcome(&b, rec, style)} {
			if err != nil {
				t.Fatal(err)
			}
		}
		if got := strings.Contains(b.String(), "\x1b["); got != color {
			t.Errorf("color %v: escapes %v", color, got)
		}
	}
}

// Words of a guest or hypervisor must drive neither a terminal nor a browser.
func TestHostileWords(t *testing.T) {
	rec := unknown()
	evil := "<script>alert(1)</script>\x1b[31m\r\n\u009b"
	rec.VM, rec.Outcome.Detail, rec.Outcome.Warnings = evil, evil, []string{evil}
	rec.Trace.Warnings, rec.Plan.Reason.Why, rec.Source = []string{evil}, evil, evil
	for _, f := range forms {
		var b bytes.Buffer
		if err := f.write(&b, rec); err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(f.ext, "txt") && strings.ContainsAny(b.String(), "\x1b\r\u009b") {
			t.Errorf("%s lets an escape through", f.ext)
		}
		if f.ext == "html" && strings.Contains(b.String(), "<script") {
			t.Error("html lets a script through")
		}
	}
}

// The page must open on a machine without a network, and tell nobody that it was opened.
func TestHTMLIsSelfContained(t *testing.T) {
	outside := regexp.MustCompile(`(?i)(https?:)?//[a-z]|\bsrc=|\bhref=|@import|url\(|<script|<link|<iframe`)
	for name, rec := range fixtures() {
		var b bytes.Buffer
		if err := HTML(&b, rec); err != nil {
			t.Fatal(err)
		}
		if m := outside.FindString(b.String()); m != "" {
			t.Errorf("%s refers to something outside: %q", name, m)
		}
		if strings.Contains(b.String(), "ZgotmplZ") {
			t.Errorf("%s: the template refused a value", name)
		}
		if strings.Contains(b.String(), "NaN") || strings.Contains(b.String(), "Inf") {
			t.Errorf("%s: a coordinate is no number", name)
		}
	}
}

func TestHTMLLeavesOutWhatWasNotSeen(t *testing.T) {
	var full, own bytes.Buffer
	rec := fixtures()
	if err := HTML(&full, rec["hybrid"]); err != nil {
		t.Fatal(err)
	}
	if err := HTML(&own, rec["own"]); err != nil {
		t.Fatal(err)
	}
	for _, panel := range []string{"guest throughput (%", "that a client saw (", "by the link&#39;s counters"} {
		if !strings.Contains(full.String(), panel) || strings.Contains(own.String(), panel) {
			t.Errorf("panel %q: with data %v, without %v", panel, strings.Contains(full.String(), panel), strings.Contains(own.String(), panel))
		}
	}
	if !strings.Contains(own.String(), "Left out: guest throughput") {
		t.Error("the page does not say what it leaves out")
	}
}

func TestJSONRoundTrip(t *testing.T) {
	for name, rec := range fixtures() {
		var first, second bytes.Buffer
		if err := JSON(&first, rec); err != nil {
			t.Fatal(err)
		}
		var d document
		dec := json.NewDecoder(bytes.NewReader(first.Bytes()))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&d); err != nil {
			t.Fatal(name, err)
		}
		if err := write(&second, d); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(first.String(), second.String()); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestJSONNever(t *testing.T) {
	rec := hybrid()
	rec.Forecasts[0].TMT = predict.Span{Lo: 4 * sec, Mid: predict.Never, Hi: predict.Never}
	d := newDocument("walm.record", rec)
	got := d.Forecasts[0].TMT
	if got.Lo == nil || *got.Lo != 4 || got.Mid != nil || got.Hi != nil || !got.Never {
		t.Errorf("got %+v", got)
	}
	if o := d.Plan.Options[len(d.Plan.Options)-1]; o.Cost != nil || o.Out == nil {
		t.Errorf("an option that is out: %+v", o)
	}
}

// SCHEMA.md explains every key, and no key that is not there.
func TestSchemaIsDocumented(t *testing.T) {
	doc, err := os.ReadFile("SCHEMA.md")
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	for _, rec := range fixtures() {
		if err := JSON(&b, rec); err != nil {
			t.Fatal(err)
		}
	}
	keys := map[string]bool{}
	for _, m := range regexp.MustCompile(`"([a-z_]+)": `).FindAllStringSubmatch(b.String(), -1) {
		keys[m[1]] = true
		if !strings.Contains(string(doc), m[1]+"`") {
			t.Errorf("key %q is not in SCHEMA.md", m[1])
		}
	}
	for _, m := range regexp.MustCompile("`(?:[a-z_]+\\.)?([a-z][a-z_]+)`").FindAllStringSubmatch(string(doc), -1) {
		if !keys[m[1]] && m[1] != "advice" && m[1] != "record" {
			t.Errorf("SCHEMA.md names %q, which is no key", m[1])
		}
	}
}

func TestDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0 s", 999: "999 ns", 212 * time.Microsecond: "212 µs", 23 * ms: "23 ms", 23450 * time.Microsecond: "23.5 ms",
		999600 * time.Microsecond: "1 s", 8664 * ms: "8.66 s", 8 * sec: "8 s", 8500 * ms: "8.50 s", 9999 * ms: "10 s",
		59940 * ms: "59.9 s", 59960 * ms: "1 min 0 s", 100 * sec: "1 min 40 s", 3599600 * ms: "1 h 0 min",
		3661 * sec: "1 h 1 min", -23 * ms: "−23 ms", predict.Never: "never",
	} {
		if got := Duration(d); got != want {
			t.Errorf("Duration(%d) = %q, want %q", d, got, want)
		}
	}
}

func TestInterval(t *testing.T) {
	for _, c := range []struct{ mid, lo, hi, want string }{
		{"8.66 s", "8.20 s", "9.40 s", "8.66 s (8.20 – 9.40)"},
		{"720 ms", "560 ms", "1.01 s", "720 ms (560 ms – 1.01 s)"},
		{"43.3 s", "12.4 s", "never", "43.3 s (12.4 s – never)"},
		{"1 min 40 s", "1 min 2 s", "2 min 0 s", "1 min 40 s (1 min 2 s – 2 min 0 s)"},
		{"never", "never", "never", "never"},
	} {
		if got := interval(c.mid, c.lo, c.hi); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

func TestCount(t *testing.T) {
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -1000: "-1,000"} {
		if got := count(n); got != want {
			t.Errorf("count(%d) = %q, want %q", n, got, want)
		}
	}
}
