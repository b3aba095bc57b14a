package journal

import (
	"slices"
	"testing"
	"time"
)

// BenchmarkMigration writes what one migration does: what it is going to do, an intent and an outcome for each of six acts,
// nine changes of state, and how it ended. It takes the disk that holds the test's folder (TMPDIR). The median stands
// beside the mean, since a disk that others write to now and then takes long.
func BenchmarkMigration(b *testing.B) {
	dir := b.TempDir()
	act := map[string]any{"At": time.Now(), "Kind": "intent", "State": "copying", "Act": map[string]any{"Kind": "limit",
		"Method": "pre-copy", "Params": map[string]any{"Bandwidth": 125e6, "DowntimeLimit": 300, "Passes": 3, "Multifd": 0}}}
	begin := map[string]any{"At": time.Now(), "Kind": "begin", "Settings": make([]byte, 3000)}
	var took []time.Duration
	for b.Loop() {
		began := time.Now()
		j, err := Open(dir, "web")
		if err != nil {
			b.Fatal(err)
		}
		must := func(err error) {
			if err != nil {
				b.Fatal(err)
			}
		}
		must(j.Shorten(nil))
		must(j.Reserve())
		must(j.Append(begin))
		for range 6 {
			must(j.Append(act))
			must(j.Note(act))
		}
		for range 9 {
			must(j.Note(act))
		}
		must(j.Append(begin))
		must(j.Close())
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	b.ReportMetric(ms(took[len(took)/2]), "ms-median")
	b.ReportMetric(ms(took[len(took)*95/100]), "ms-p95")
}
