package main

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"walm/observe"
	"walm/vm"
)

// newLabLook is for walm itself, which runs it on a lab's hosts: what it says is walm's own and no public schema.
func newLabLook() *cobra.Command {
	var samples int
	var windows []time.Duration
	cmd := &cobra.Command{
		Use:    "look",
		Short:  "Look at the memory of a VM on this host, whose layout is read from standard input",
		Hidden: true,
		Args:   noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var layout vm.Layout
			if err := json.NewDecoder(cmd.InOrStdin()).Decode(&layout); err != nil {
				return fmt.Errorf("read the VM's layout: %w", err)
			}
			eye, err := observe.NewHost(layout)
			if err != nil {
				return err
			}
			eye.Samples, eye.Windows, eye.Touch = samples, windows, samples <= 0 || samples >= observe.ForecastSamples
			t, err := eye.Look(cmd.Context())
			if err != nil {
				return err
			}
			return json.NewEncoder(cmd.OutOrStdout()).Encode(t)
		},
	}
	cmd.Flags().IntVar(&samples, "samples", 0, "pages to sample")
	cmd.Flags().DurationSliceVar(&windows, "windows", nil, "windows to look over")
	return cmd
}
