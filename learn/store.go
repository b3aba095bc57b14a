package learn

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

// schema is the version of the store's tables, in its user_version.
const schema = 1

// Store is the database of outcomes. Several processes may use one.
type Store struct {
	db *sql.DB
	// Aside is where a database that could not be read was put; empty: there was none.
	Aside string
}

// ErrNewer says that a later version of walm has written the store.
var ErrNewer = errors.New("it was written by a later version of walm")

// File is where the store is in walm's state folder.
func File(dir string) string { return filepath.Join(dir, "outcomes.db") }

// Open opens the store in walm's state folder, or begins it. A file that is no database, or a damaged one, is set aside under
// a name with the time, and a new one is begun: what it held is worth less than the next migration.
func Open(ctx context.Context, dir string, now time.Time) (*Store, error) {
	s, err := open(ctx, File(dir))
	if err == nil || errors.Is(err, ErrNewer) || errors.Is(err, fs.ErrPermission) || errors.Is(err, context.Canceled) {
		return s, err
	}
	if _, missing := os.Stat(File(dir)); missing != nil {
		return nil, err
	}
	aside := fmt.Sprintf("%s.%s.broken", File(dir), now.UTC().Format("20060102-150405"))
	if moved := os.Rename(File(dir), aside); moved != nil {
		return nil, errors.Join(err, moved)
	}
	for _, more := range []string{"-wal", "-shm"} { // of the old file: they must not be taken for the new one's
		if gone := os.Remove(File(dir) + more); gone != nil && !errors.Is(gone, fs.ErrNotExist) {
			return nil, errors.Join(err, gone)
		}
	}
	if s, err = open(ctx, File(dir)); err == nil {
		s.Aside = aside
	}
	return s, err
}

func open(ctx context.Context, path string) (*Store, error) {
	if f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600); err != nil {
		return nil, fmt.Errorf("open the store of outcomes: %w", err)
	} else if err := f.Close(); err != nil {
		return nil, fmt.Errorf("open the store of outcomes: %w", err)
	}
	whole, err := filepath.Abs(path) // a URI would take the first part of a relative one for a host
	if err != nil {
		return nil, fmt.Errorf("open the store of outcomes: %w", err)
	}
	address := url.URL{Scheme: "file", Path: whole, RawQuery: url.Values{"_pragma": {"busy_timeout(5000)", "journal_mode(WAL)",
		"synchronous(FULL)"}}.Encode()}
	db, err := sql.Open("sqlite", address.String())
	if err != nil {
		return nil, fmt.Errorf("open the store of outcomes %s: %w", path, err)
	}
	if err := prepare(ctx, db); err != nil {
		return nil, errors.Join(fmt.Errorf("open the store of outcomes %s: %w", path, err), db.Close())
	}
	return &Store{db: db}, nil
}

// prepare checks the database and makes its table where there is none.
func prepare(ctx context.Context, db *sql.DB) error {
	var whole string
	if err := db.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&whole); err != nil {
		return err
	}
	if whole != "ok" {
		return fmt.Errorf("it is damaged: %s", whole)
	}
	var version int
	if err := db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return err
	}
	if version > schema {
		return fmt.Errorf("%w: it has version %d, this one knows %d", ErrNewer, version, schema)
	}
	_, err := db.ExecContext(ctx, fmt.Sprintf(`
		CREATE TABLE IF NOT EXISTS outcomes (
			id          TEXT PRIMARY KEY,
			at          INTEGER NOT NULL, -- Unix time in nanoseconds
			source      TEXT NOT NULL,
			destination TEXT NOT NULL,
			outcome     TEXT NOT NULL     -- JSON
		) STRICT;
		CREATE INDEX IF NOT EXISTS by_pair ON outcomes (source, destination, at);
		PRAGMA user_version = %d`, schema))
	return err
}

// Close closes the store.
func (s *Store) Close() error { return s.db.Close() }

// Add keeps an outcome; one of the same ID takes its place.
func (s *Store) Add(ctx context.Context, o Outcome) error {
	text, err := json.Marshal(o)
	if err == nil {
		_, err = s.db.ExecContext(ctx, "INSERT OR REPLACE INTO outcomes VALUES (?, ?, ?, ?, ?)", o.ID, o.At.UnixNano(), o.Pair.Source,
			o.Pair.Destination, string(text))
	}
	if err != nil {
		return fmt.Errorf("keep the outcome of %s: %w", o.VM, err)
	}
	return nil
}

// All are the outcomes of every pair, oldest first.
func (s *Store) All(ctx context.Context) ([]Outcome, error) {
	return s.read(ctx, "SELECT outcome FROM outcomes ORDER BY at, id")
}

// recent is how many outcomes of a pair its constants are fitted to: hosts and networks change.
const recent = 200

// Of are the last outcomes of a pair, oldest first.
func (s *Store) Of(ctx context.Context, p Pair) ([]Outcome, error) {
	return s.read(ctx, `SELECT outcome FROM (SELECT * FROM outcomes WHERE source = ? AND destination = ?
		ORDER BY at DESC, id LIMIT ?) ORDER BY at, id`, p.Source, p.Destination, recent)
}

func (s *Store) read(ctx context.Context, query string, args ...any) ([]Outcome, error) {
	rows, err := s.db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("read the store of outcomes: %w", err)
	}
	defer rows.Close()
	var all []Outcome
	for rows.Next() {
		var text string
		var o Outcome
		if err := rows.Scan(&text); err != nil {
			return nil, fmt.Errorf("read the store of outcomes: %w", err)
		}
		if err := json.Unmarshal([]byte(text), &o); err != nil {
			return nil, fmt.Errorf("read the store of outcomes: an outcome in it: %w", err)
		}
		all = append(all, o)
	}
	return all, rows.Err()
}
