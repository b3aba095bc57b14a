package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"walm/learn"
	"walm/predict"
	"walm/vm"
)

func newCalibrate() *cobra.Command {
	var from sources
	var output string
	cmd := &cobra.Command{
		Use:   "calibrate",
		Short: "What the migrations so far say of each pair of hosts",
		Long: `calibrate fits the constants of each pair of hosts, which no look at a VM can tell, to the migrations between them. walm
migrate does the same by itself before every forecast, from five moves on. A pair never borrows from another.`,
		Example: `  walm calibrate
  walm calibrate --from forecast-synthetic.jsonl`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			all, err := from.outcomes(cmd.Context(), cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			pairs := calibrated(all)
			if output == "json" {
				return writeJSON(cmd.OutOrStdout(), pairs)
			}
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			for i, p := range pairs {
				if i > 0 {
					fmt.Fprintln(w)
				}
				fmt.Fprintf(w, "%s → %s\t\t\t\t\n", p.Pair.Source, p.Pair.Destination)
				fmt.Fprintln(w, "constant\tdefault\tused\ttold by\tmedian (95 %)")
				for _, c := range p.Constants {
					told := "–"
					if c.Estimate.N > 0 {
						told = fmt.Sprintf("%s (%s – %s)", c.show(c.Estimate.Mid), c.show(c.Estimate.Lo), c.show(c.Estimate.Hi))
					}
					fmt.Fprintf(w, "%s\t%s\t%s\t%d moves\t%s\n", c.Name, c.show(c.Default), c.show(c.Value), c.Estimate.N, told)
				}
				if p.Host.Source == predict.DefaultHost().Source {
					fmt.Fprintf(w, "fewer than %d moves: the defaults are used\t\t\t\t\n", learn.Fewest)
				}
			}
			return w.Flush()
		},
	}
	fromFlags(cmd, &from, &output)
	return cmd
}

// calibration is a pair's constants.
type calibration struct {
	Pair      learn.Pair
	Host      predict.Host // as forecasts use it
	Constants []fittedConstant
}

type fittedConstant struct{ learn.Constant }

func (c fittedConstant) show(x float64) string {
	if c.Unit == "s" {
		return time.Duration(x * float64(time.Second)).Round(time.Millisecond / 10).String()
	}
	return vm.Rate(x).String()
}

// calibrated is every pair's calibration, in order of their names.
func calibrated(all []learn.Outcome) []calibration {
	by := map[learn.Pair][]learn.Outcome{}
	for _, o := range all {
		by[o.Pair] = append(by[o.Pair], o)
	}
	pairs := slices.SortedFunc(maps.Keys(by), func(a, b learn.Pair) int {
		return strings.Compare(a.Source+"\x00"+a.Destination, b.Source+"\x00"+b.Destination)
	})
	var out []calibration
	for _, p := range pairs {
		c := calibration{Pair: p, Host: fitted(p, by[p])}
		_, told := learn.Fit(by[p], predict.DefaultHost())
		for _, k := range told {
			c.Constants = append(c.Constants, fittedConstant{k})
		}
		out = append(out, c)
	}
	return out
}
