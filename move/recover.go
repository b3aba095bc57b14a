package move

import (
	"context"

	"walm/migrate"
)

// Recover takes up a post-copy that was interrupted, whoever began it, and returns once it is over or interrupted again.
// Nothing is touched unless both ends say that there is one. An error means that where the VM is could not be found out.
func Recover(ctx context.Context, r Request) (migrate.Result, error) {
	m := migrate.Recovery(migrate.Last{})
	m.TakeUp = r.TakeUp
	return migrate.Run(ctx, r.Pair, m, migrate.Watch{Journal: r.Journal, Update: r.Watch})
}
