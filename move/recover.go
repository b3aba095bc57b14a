package move

import (
	"cmp"
	"context"
	"errors"

	"walm/measure"
	"walm/migrate"
)

// Recover brings a move that nobody carries out any more to a safe end, whoever began it: see migrate.Recovery. id is the
// move's, last what its journal tells. An error means that where the VM is could not be found out, or not be written down.
func Recover(ctx context.Context, r Request, id string, last migrate.Last) (migrate.Result, error) {
	m := migrate.Recovery(last)
	m.TakeUp = r.TakeUp
	res, err := migrate.Run(ctx, r.Pair, m, migrate.Watch{Journal: r.Journal, Update: r.Watch})
	return res, errors.Join(err, r.ended(id, ending(res.State), res.Reason, nil))
}

// endings pair the states in which a machine ends with what became of the VM.
func endings() map[migrate.State]measure.Result {
	return map[migrate.State]measure.Result{migrate.Completed: measure.Moved, migrate.Failed: measure.Stayed,
		migrate.Cancelled: measure.Cancelled, migrate.Paused: measure.Paused, migrate.Lost: measure.Lost, migrate.Unknown: measure.Unknown}
}

// ending is how a move ended whose machine stopped in that state.
func ending(s migrate.State) measure.Result { return cmp.Or(endings()[s], measure.Unknown) }

// StateOf is the state of a move that ended so.
func StateOf(r measure.Result) migrate.State {
	for s, result := range endings() {
		if result == r {
			return s
		}
	}
	return migrate.Unknown
}
