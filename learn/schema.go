package learn

import (
	"context"
	"database/sql"
	"fmt"
)

// application marks a database as walm's ("walm" in ASCII, SQLite's application_id).
const application = 0x77616c6d

// steps bring a store from version i to version i+1, its user_version.
var steps = []func(context.Context, *sql.Tx) error{begin, tellReleases}

func begin(ctx context.Context, tx *sql.Tx) error {
	_, err := tx.ExecContext(ctx, `
	CREATE TABLE outcomes (
		id          TEXT PRIMARY KEY,
		at          INTEGER NOT NULL, -- Unix time in nanoseconds
		source      TEXT NOT NULL,
		destination TEXT NOT NULL,
		accelerator TEXT NOT NULL,
		outcome     TEXT NOT NULL     -- JSON
	) STRICT;
	CREATE INDEX by_pair ON outcomes (source, destination, accelerator, at)`)
	return err
}

// tellReleases makes QEMU's releases part of a pair. What an outcome says of both ends tells them for those that are there.
func tellReleases(ctx context.Context, tx *sql.Tx) error {
	_, err := tx.ExecContext(ctx, `
	ALTER TABLE outcomes ADD COLUMN from_qemu TEXT NOT NULL DEFAULT '';
	ALTER TABLE outcomes ADD COLUMN to_qemu TEXT NOT NULL DEFAULT '';
	DROP INDEX by_pair;
	CREATE INDEX by_pair ON outcomes (source, destination, accelerator, from_qemu, to_qemu, at)`)
	if err != nil {
		return err
	}
	all, err := outcomes(ctx, tx, "SELECT outcome FROM outcomes")
	if err != nil {
		return err
	}
	for _, o := range all {
		if _, err := tx.ExecContext(ctx, "UPDATE outcomes SET from_qemu = ?, to_qemu = ? WHERE id = ?", o.Pair.From, o.Pair.To, o.ID); err != nil {
			return err
		}
	}
	return nil
}

// prepare checks a database and brings it to the present version, from nothing if there is nothing in it.
func prepare(ctx context.Context, db *sql.DB) error {
	version, err := check(ctx, db)
	if err != nil || version == len(steps) {
		return err
	}
	tx, err := db.BeginTx(ctx, nil) // immediate: of two that begin a store, the second waits
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // of no effect after Commit
	if err := tx.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return err
	}
	for _, step := range steps[version:] {
		if err := step(ctx, tx); err != nil {
			return err
		}
	}
	if _, err := tx.ExecContext(ctx, fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d", application,
		len(steps))); err != nil {
		return err
	}
	return tx.Commit()
}

// check is the version of a store, 0 of one that is empty.
func check(ctx context.Context, db *sql.DB) (version int, err error) {
	var whole string
	if err := db.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&whole); err != nil {
		return 0, broken(err)
	}
	if whole != "ok" {
		return 0, fmt.Errorf("%w: %s", ErrBroken, whole)
	}
	var owner, tables int
	const asked = "SELECT application_id, user_version, (SELECT count(*) FROM sqlite_schema) FROM pragma_application_id, pragma_user_version"
	if err := db.QueryRowContext(ctx, asked).Scan(&owner, &version, &tables); err != nil {
		return 0, broken(err)
	}
	switch {
	case tables == 0 && owner == 0:
		return 0, nil
	case owner != application:
		return 0, fmt.Errorf("%w: it is some other program's", ErrBroken)
	case version > len(steps):
		return 0, fmt.Errorf("%w (it has version %d, this walm knows %d)", ErrNewer, version, len(steps))
	}
	return version, nil
}
