package journal

import (
	"slices"
	"testing"
	"time"
)

// BenchmarkMigration writes what one migration does, from the opening of the journal to its closing: what is going to be done,
// an intent and an outcome for each act, nine changes of state, and how it ended. On the disk before the act, each with a
// sync, are the intents to prepare and start (pre-copy), to switch (post-copy), or to prepare, pause, save, copy, restore and
// resume (offline), and the end. It takes the disk that holds the test's folder (TMPDIR). The median stands beside the mean,
// since a disk that others write to now and then takes long.
func BenchmarkMigration(b *testing.B) {
	for _, method := range []struct {
		name   string
		synced int
	}{{"pre-copy", 2}, {"post-copy", 3}, {"offline", 6}} {
		b.Run(method.name, func(b *testing.B) { migrations(b, method.synced) })
	}
}

func migrations(b *testing.B, synced int) {
	dir := b.TempDir()
	act := map[string]any{"At": time.Now(), "Kind": "intent", "State": "copying", "Act": map[string]any{"Kind": "limit",
		"Method": "pre-copy", "Params": map[string]any{"Bandwidth": 125e6, "DowntimeLimit": 300, "Passes": 3, "Multifd": 0}}}
	begin := map[string]any{"At": time.Now(), "Kind": "begin", "Settings": make([]byte, 3000)}
	var took []time.Duration
	must := func(err error) {
		if err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		began := time.Now()
		j, err := Open(dir, "web")
		must(err)
		must(j.Shorten(nil))
		must(j.Reserve())
		must(j.Note(begin))
		for range synced {
			must(j.Append(act))
			must(j.Note(act))
		}
		for range 9 {
			must(j.Note(act))
		}
		must(j.Note(act)) // to release
		must(j.Append(begin))
		must(j.Close())
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	b.ReportMetric(ms(took[len(took)/2]), "ms-median")
	b.ReportMetric(ms(took[len(took)*95/100]), "ms-p95")
}
