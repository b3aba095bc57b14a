package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// flagError names the flag once, and the value once.
func flagError(cmd *cobra.Command, err error) error {
	var wrong *pflag.InvalidValueError
	if errors.As(err, &wrong) {
		err = fmt.Errorf("--%s: %w", wrong.GetFlag().Name, wrong.Unwrap())
	}
	return seeHelp(cmd, err)
}

func seeHelp(cmd *cobra.Command, err error) error {
	if errors.Is(err, pflag.ErrHelp) {
		return err
	}
	return fmt.Errorf("%w; see %s --help", err, cmd.CommandPath())
}

// one takes a single argument, and says what it is to be.
func one(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != 1 {
			return seeHelp(cmd, fmt.Errorf("%s takes one argument, %s, and was given %d", cmd.CommandPath(), what, len(args)))
		}
		return nil
	}
}

func oneVM(cmd *cobra.Command, args []string) error {
	return one("a VM: a libvirt domain, or a QMP socket such as qmp+unix:///run/a.qmp")(cmd, args)
}

func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return seeHelp(cmd, fmt.Errorf("%s takes no arguments, and was given %q", cmd.CommandPath(), args))
	}
	return nil
}

// group makes a command of one that only holds others, so that a wrong name under it is an error and not a page of help.
func group(c *cobra.Command) *cobra.Command {
	c.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return seeHelp(cmd, fmt.Errorf("unknown command %q for %q", args[0], cmd.CommandPath()))
		}
		return nil
	}
	c.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	return c
}

// topic is an argument list of the help command that names a command.
func topic(cmd *cobra.Command, args []string) error {
	c, rest, err := cmd.Root().Find(args)
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf("unknown command %q for %q", rest[0], c.CommandPath())
	}
	return err
}
