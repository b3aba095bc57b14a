// Package undo keeps what is to be given back when something is over.
package undo

import (
	"context"
	"errors"
	"slices"
	"sync"
)

// List is what is to be undone. Its zero value is empty. Any number of goroutines may use it.
type List struct {
	mu   sync.Mutex
	todo []func(context.Context) error
}

// Later adds what is to be undone before all that is there already.
func (l *List) Later(f func(context.Context) error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.todo = append(l.todo, f)
}

// Release undoes all of it once, last first, whatever fails. What is added meanwhile is left for the next time.
func (l *List) Release(ctx context.Context) error {
	l.mu.Lock()
	todo := l.todo
	l.todo = nil
	l.mu.Unlock()
	var all []error
	for _, f := range slices.Backward(todo) {
		all = append(all, f(ctx))
	}
	return errors.Join(all...)
}
