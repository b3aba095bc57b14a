package learn

import (
	"database/sql"
	"encoding/json"
	"slices"
	"testing"

	"walm/move"
	"walm/predict"
	"walm/vm"
)

func TestRelease(t *testing.T) {
	for text, want := range map[string]string{"QEMU 10.0.2 (tcg)": "10.0", "QEMU 7.2.22 (kvm)": "7.2", "libvirt 11.3.0, QEMU 10.0.2 (tcg)": "10.0",
		"qemu+tcp://b/system": "", "": "", "QEMU": "", "bookworm": "", "QEMU 11.1": "11.1"} {
		if got := release(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	p := here.Between("QEMU 7.2.22 (tcg)", "QEMU 10.0.2 (tcg)")
	if got := p.String(); got != "a → b (kvm, QEMU 7.2 → 10.0)" {
		t.Error(got)
	}
	if got := here.String(); got != "a → b (kvm)" {
		t.Error(got)
	}
	if o := Of(move.Record{Source: "QEMU 7.2.22 (tcg)", Target: "qemu+tcp://b/system"}, here); o.Pair != here.Between("QEMU 7.2", "") {
		t.Errorf("kept for %s", o.Pair)
	}
}

// old makes a store as the first version of walm's did, with outcomes from and to several releases.
func old(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	db, err := sql.Open("sqlite", "file:"+File(dir))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(`CREATE TABLE outcomes (id TEXT PRIMARY KEY, at INTEGER NOT NULL, source TEXT NOT NULL, destination TEXT NOT NULL,
		accelerator TEXT NOT NULL, outcome TEXT NOT NULL) STRICT;
		CREATE INDEX by_pair ON outcomes (source, destination, accelerator, at);
		PRAGMA application_id = 0x77616c6d; PRAGMA user_version = 1`); err != nil {
		t.Fatal(err)
	}
	for n, ends := range [][2]string{{"QEMU 7.2.22 (kvm)", "QEMU 10.0.2 (kvm)"}, {"QEMU 10.0.2 (kvm)", "QEMU 10.0.2 (kvm)"},
		{"QEMU 7.2.17 (kvm)", "QEMU 10.0.1 (kvm)"}, {"QEMU 7.2.22 (kvm)", "QEMU 7.2.22 (kvm)"}} {
		o := moved(n, vm.PreCopy, predict.DefaultHost())
		o.SourceQEMU, o.DestinationQEMU = ends[0], ends[1]
		text, err := json.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := db.Exec("INSERT INTO outcomes VALUES (?, ?, ?, ?, ?, ?)", o.ID, o.At.UnixNano(), o.Pair.Source, o.Pair.Destination,
			o.Pair.Accelerator, string(text)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestOldStore: what an earlier walm kept counts for the releases that it was seen with, before the store is brought to the
// present version, by who only reads, and after.
func TestOldStore(t *testing.T) {
	dir := old(t)
	mixed := here.Between("QEMU 7.2.22 (tcg)", "QEMU 10.0.2 (tcg)")
	check := func(when string, s *Store) {
		t.Helper()
		for _, tt := range []struct {
			pair Pair
			want []string
		}{
			{mixed, []string{"pre-copy-0", "pre-copy-2"}},
			{here.Between("QEMU 10.0.2", "QEMU 10.0.2"), []string{"pre-copy-1"}},
			{here.Between("QEMU 7.2.22", ""), []string{"pre-copy-0", "pre-copy-2", "pre-copy-3"}},
			{here, []string{"pre-copy-0", "pre-copy-1", "pre-copy-2", "pre-copy-3"}},
			{here.Between("QEMU 11.1.3", "QEMU 11.1.3"), nil},
		} {
			all, err := s.Last(t.Context(), tt.pair)
			if err != nil {
				t.Fatalf("%s: %v", when, err)
			}
			var got []string
			for _, o := range all {
				got = append(got, o.ID)
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("%s: of %s there are %v, want %v", when, tt.pair, got, tt.want)
			}
		}
		all, err := s.All(t.Context())
		if err != nil || len(all) != 4 || all[0].Pair != mixed {
			t.Fatalf("%s: %v, %d outcomes", when, err, len(all))
		}
	}
	reader, err := Read(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	check("as it was", reader)
	reader.Close()
	for _, when := range []string{"brought up to date", "opened again"} {
		s := store(t, dir)
		check(when, s)
		s.Close()
	}
	s := store(t, dir)
	o := moved(9, vm.PreCopy, predict.DefaultHost())
	o.Pair = mixed
	if err := s.Add(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	if all, err := s.Last(t.Context(), mixed); err != nil || len(all) != 3 || all[2].ID != o.ID {
		t.Errorf("with a new one: %d, %v", len(all), err)
	}
	if s.Aside != "" {
		t.Errorf("it was set aside: %v", s.Damage)
	}
}
