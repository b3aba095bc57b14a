package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"walm/learn"
	"walm/predict"
	"walm/vm"
)

func newCalibrate() *cobra.Command {
	var from sources
	cmd := &cobra.Command{
		Use:   "calibrate",
		Short: "What the migrations so far say of each pair of hosts",
		Long: `calibrate fits the constants of each pair of hosts, which no look at a VM can tell, to the last 200 migrations between
them. walm migrate does the same by itself before every forecast. A constant stays at its default until five migrations
have told it and their median differs by more than chance explains, and then it is drawn to the default as if that were
four more. Intervals are made as wide as the pair's migrations ask for, as if ten more had said that the model's own
widths are right. A pair never borrows from another, nor KVM from TCG.`,
		Example: `  walm calibrate
  walm calibrate --from forecast-synthetic.jsonl -o json`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			all, err := from.outcomes(cmd.Context(), cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			pairs := calibrated(all)
			if from.output == "json" {
				return writeJSON(cmd.OutOrStdout(), pairs)
			}
			return calibrationTables(cmd.OutOrStdout(), pairs)
		},
	}
	from.flags(cmd)
	return cmd
}

// calibration is a pair's constants.
type calibration struct {
	Pair      learn.Pair
	Moves     int
	Host      predict.Host // as forecasts use it
	Constants []learn.Constant
}

// calibrated is every pair's calibration, in order of their names.
func calibrated(all []learn.Outcome) []calibration {
	by := map[learn.Pair][]learn.Outcome{}
	for _, o := range all {
		by[o.Pair] = append(by[o.Pair], o)
	}
	pairs := slices.SortedFunc(maps.Keys(by), func(a, b learn.Pair) int { return strings.Compare(a.String(), b.String()) })
	out := []calibration{}
	for _, p := range pairs {
		of := by[p][max(0, len(by[p])-learn.Recent):]
		c := calibration{Pair: p, Moves: len(of)}
		c.Host, c.Constants = fit(p, of, predict.DefaultHost())
		out = append(out, c)
	}
	return out
}

func calibrationTables(out io.Writer, pairs []calibration) error {
	for i, p := range pairs {
		if i > 0 {
			fmt.Fprintln(out)
		}
		fmt.Fprintf(out, "%s, %d moves\n", p.Pair, p.Moves)
		w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "constant\tdefault\tused\ttold by\tmedian (95 %)")
		for _, c := range p.Constants {
			told := "–"
			if e := c.Estimate; e.N > 0 {
				told = fmt.Sprintf("%s (%s – %s)", valueOf(c, e.Mid), valueOf(c, e.Lo), valueOf(c, e.Hi))
			}
			used := "default"
			if c.Value != c.Default {
				used = valueOf(c, c.Value)
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%s\n", c.Name, valueOf(c, c.Default), used, c.Estimate.N, told)
		}
		if err := w.Flush(); err != nil {
			return err
		}
		if by := p.Host.Widths; by != (predict.Widths{}) {
			fmt.Fprintf(out, "intervals of 80 and 95 %%, times the model's: TMT %s, DT %s, service loss %s\n", times(by.TMT), times(by.DT), times(by.Loss))
		}
	}
	return nil
}

func times(by [2]float64) string {
	if by == [2]float64{} {
		return "as they are"
	}
	return fmt.Sprintf("%.2f and %.2f", by[0], by[1])
}

func valueOf(c learn.Constant, x float64) string {
	if c.Unit == "s" {
		return short(x)
	}
	return vm.Rate(x).String()
}
