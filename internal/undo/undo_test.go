package undo

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestList(t *testing.T) {
	var l List
	var did []string
	does := func(name string, err error) func(context.Context) error {
		return func(context.Context) error {
			did = append(did, name)
			return err
		}
	}
	l.Later(does("first", errors.New("stuck")))
	l.Later(func(context.Context) error {
		l.Later(does("next time", nil))
		return errors.New("late")
	})
	l.Later(does("last", nil))
	err := l.Release(t.Context())
	if err == nil || !strings.Contains(err.Error(), "stuck") || !strings.Contains(err.Error(), "late") {
		t.Errorf("it failed with %v", err)
	}
	if !slices.Equal(did, []string{"last", "first"}) {
		t.Errorf("undone: %v", did)
	}
	for range 2 {
		if err := l.Release(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if !slices.Equal(did, []string{"last", "first", "next time"}) {
		t.Errorf("undone: %v", did)
	}
}
