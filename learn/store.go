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
	"slices"
	"time"

	"modernc.org/sqlite" // also the driver "sqlite"
	lib "modernc.org/sqlite/lib"
)

// Store is the database of outcomes. Several processes may use one.
type Store struct {
	db *sql.DB
	// The version of a store that is only read: one of an earlier walm stays as it is.
	version int
	// Aside is where a database that could not be read was put; empty: there was none.
	Aside string
	// Damage is what was wrong with it.
	Damage error
}

// Errors of Open and Read.
var (
	ErrNewer  = errors.New("it was written by a later version of walm: use that one, or another --state-dir")
	ErrBroken = errors.New("it is no database of walm's, or a damaged one")
	ErrNone   = errors.New("there are no outcomes yet")
)

// File is where the store is in walm's state folder.
func File(dir string) string { return filepath.Join(dir, "outcomes.db") }

// Open opens the store in walm's state folder for writing, or begins it. A file that is no database of walm's, or a damaged
// one, is set aside under a name with the time, and a new one is begun: what it held is worth less than the next migration.
func Open(ctx context.Context, dir string, now time.Time) (*Store, error) {
	s, err := open(ctx, File(dir))
	if !errors.Is(err, ErrBroken) {
		return s, err
	}
	aside := fmt.Sprintf("%s.%s.broken", File(dir), now.UTC().Format("20060102-150405"))
	if moved := os.Rename(File(dir), aside); moved != nil {
		return nil, errors.Join(err, moved)
	}
	for _, more := range []string{"-wal", "-shm"} { // of the old file: they must not be taken for the new one's
		if moved := os.Rename(File(dir)+more, aside+more); moved != nil && !errors.Is(moved, fs.ErrNotExist) {
			return nil, errors.Join(err, moved)
		}
	}
	damage := err
	if s, err = open(ctx, File(dir)); err == nil {
		s.Aside, s.Damage = aside, damage
	}
	return s, err
}

// Read opens the store in walm's state folder for reading. Its error wraps ErrNone where there is none.
func Read(ctx context.Context, dir string) (*Store, error) {
	path := File(dir)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNone
	}
	db, err := connect(path, url.Values{"mode": {"ro"}})
	version := 0
	if err == nil {
		if version, err = check(ctx, db); err != nil {
			err = errors.Join(err, db.Close())
		}
	}
	if err != nil {
		return nil, fmt.Errorf("read the store of outcomes %s: %w", path, err)
	}
	return &Store{db: db, version: version}, nil
}

func open(ctx context.Context, path string) (*Store, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("make walm's state folder: %w", err)
	}
	// SQLite would make the file readable for all: what runs on a host is not everybody's business.
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("open the store of outcomes: %w", err)
	}
	db, err := connect(path, url.Values{"_txlock": {"immediate"}, "_pragma": {"journal_mode(WAL)", "synchronous(FULL)"}})
	if err == nil {
		if err = prepare(ctx, db); err != nil {
			err = errors.Join(err, db.Close())
		}
	}
	if err != nil {
		return nil, fmt.Errorf("open the store of outcomes %s: %w", path, broken(err))
	}
	return &Store{db: db, version: len(steps)}, nil
}

func connect(path string, options url.Values) (*sql.DB, error) {
	options["_pragma"] = append([]string{"busy_timeout(5000)"}, options["_pragma"]...)
	address := url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: options.Encode()} // relative too
	return sql.Open("sqlite", address.String())
}

// broken marks SQLite's errors for a file that it cannot make sense of. A store that is busy, a full disk and the like are
// none of those: nothing is set aside for them.
func broken(err error) error {
	var e *sqlite.Error
	if errors.As(err, &e) {
		switch e.Code() & 0xff { // without the extended part
		case lib.SQLITE_CORRUPT, lib.SQLITE_NOTADB:
			return fmt.Errorf("%w: %w", ErrBroken, err)
		}
	}
	return err
}

// Close closes the store.
func (s *Store) Close() error { return s.db.Close() }

// Add keeps an outcome; one of the same ID takes its place.
func (s *Store) Add(ctx context.Context, o Outcome) error {
	text, err := json.Marshal(o)
	if err == nil {
		_, err = s.db.ExecContext(ctx, `INSERT OR REPLACE INTO outcomes (id, at, source, destination, accelerator, outcome,
			from_qemu, to_qemu) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`, o.ID, o.At.UnixNano(), o.Pair.Source, o.Pair.Destination, o.Pair.Accelerator,
			string(text), o.Pair.From, o.Pair.To)
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

// Recent is how many outcomes of a pair its constants are fitted to: hosts and networks change.
const Recent = 200

// Last are the last outcomes of a pair, oldest first. Where a release is not known, every one is meant.
func (s *Store) Last(ctx context.Context, p Pair) ([]Outcome, error) {
	if s.version < 2 {
		return s.lastOld(ctx, p)
	}
	return s.read(ctx, `SELECT outcome FROM (SELECT * FROM outcomes WHERE source = ? AND destination = ? AND accelerator = ?
		AND ? IN ('', from_qemu) AND ? IN ('', to_qemu) ORDER BY at DESC, id DESC LIMIT ?) ORDER BY at, id`, p.Source, p.Destination,
		p.Accelerator, p.From, p.To, Recent)
}

// lastOld is Last in a store whose rows do not tell releases.
func (s *Store) lastOld(ctx context.Context, p Pair) ([]Outcome, error) {
	all, err := s.read(ctx, "SELECT outcome FROM outcomes WHERE source = ? AND destination = ? AND accelerator = ? ORDER BY at, id", p.Source,
		p.Destination, p.Accelerator)
	all = slices.DeleteFunc(all, func(o Outcome) bool {
		return p.From != "" && o.Pair.From != p.From || p.To != "" && o.Pair.To != p.To
	})
	return all[max(0, len(all)-Recent):], err
}

func (s *Store) read(ctx context.Context, query string, args ...any) ([]Outcome, error) {
	all, err := outcomes(ctx, s.db, query, args...)
	if err != nil {
		return nil, fmt.Errorf("read the store of outcomes: %w", broken(err))
	}
	return all, nil
}

// asked is a database or a transaction in it.
type asked interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

func outcomes(ctx context.Context, db asked, query string, args ...any) ([]Outcome, error) {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []Outcome
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			return nil, err
		}
		var o Outcome
		if err := json.Unmarshal([]byte(text), &o); err != nil {
			return nil, fmt.Errorf("an outcome in it: %w", err)
		}
		if o.Pair.From == "" && o.Pair.To == "" { // of a walm that did not tell them apart
			o.Pair = o.Pair.Between(o.SourceQEMU, o.DestinationQEMU)
		}
		all = append(all, o)
	}
	return all, rows.Err()
}
