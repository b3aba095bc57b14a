package move

import (
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

// ending is how a move ended whose machine stopped in that state.
func ending(s migrate.State) measure.Result {
	switch s {
	case migrate.Completed:
		return measure.Moved
	case migrate.Failed:
		return measure.Stayed
	case migrate.Cancelled:
		return measure.Cancelled
	case migrate.Paused:
		return measure.Paused
	case migrate.Lost:
		return measure.Lost
	}
	return measure.Unknown
}
