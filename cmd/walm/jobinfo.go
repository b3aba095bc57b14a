package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"walm/hypervisor/libvirt"
	"walm/hypervisor/libvirt/rpc"
)

type jobInfo struct {
	connection
	completed bool
	output    string
}

func newJobInfo() *cobra.Command {
	var j jobInfo
	cmd := &cobra.Command{
		Use:     "jobinfo DOMAIN",
		Aliases: []string{"domjobinfo"},
		Short:   "Show what a libvirt domain's migration is doing",
		Long: `jobinfo shows the job of a domain, such as a migration, whoever started it, as virsh domjobinfo does. It changes
nothing, and a job that has ended is not forgotten by it.

-o json has libvirt's own names: memory_remaining, memory_bps, downtime (ms) …`,
		Example: `  walm jobinfo -c qemu:///system vm1
  walm jobinfo -c qemu+ssh://alpha/system vm1 --completed -o json`,
		Args: one("a domain by its name, id or UUID"),
		RunE: func(cmd *cobra.Command, args []string) error { return j.run(cmd.Context(), args[0], cmd.OutOrStdout()) },
	}
	j.connection.flags(cmd.Flags())
	cmd.Flags().BoolVar(&j.completed, "completed", false, "the last job that has ended, in place of the one under way")
	parsed(cmd.Flags(), &j.output, "output,o", "FORMAT", "text", "text or json, on standard output", oneOf("text", "json"))
	return cmd
}

func (j *jobInfo) run(ctx context.Context, name string, out io.Writer) error {
	conn, err := j.dial(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(ctx, asked)
	defer cancel()
	d, err := libvirt.Find(ctx, conn, name)
	if err != nil {
		return err
	}
	job, err := conn.JobStats(ctx, d, j.completed)
	if err != nil {
		return fmt.Errorf("ask for the job of %s: %w", d.Name, err)
	}
	if j.output == "json" {
		m := named(job.Params)
		m["type"], m["domain"], m["uuid"] = jobType(job.Type), d.Name, d.UUID.String()
		return writeJSON(out, m)
	}
	_, err = io.WriteString(out, jobText(job))
	return err
}

// jobType is a type of job in virsh's words.
func jobType(t rpc.JobType) string {
	names := []string{"None", "Bounded", "Unbounded", "Completed", "Failed", "Cancelled"}
	if t < 0 || int(t) >= len(names) {
		return "Unknown"
	}
	return names[t]
}

// jobLine is a line about a job: virsh's label, libvirt's name, and what it counts: "data", "data/s" or a unit.
type jobLine struct{ label, name, unit string }

// jobLines are virsh's lines in virsh's order (cmdDomjobinfo).
func jobLines(t rpc.JobType) []jobLine {
	downtime := "Expected downtime:"
	if t == rpc.JobCompleted {
		downtime = "Total downtime:"
	}
	return []jobLine{
		{"Time elapsed:", "time_elapsed", "ms"},
		{"Time elapsed w/o network:", "time_elapsed_net", "ms"},
		{"Time remaining:", "time_remaining", "ms"},
		{"Data processed:", "data_processed", "data"},
		{"Data remaining:", "data_remaining", "data"},
		{"Data total:", "data_total", "data"},
		{"Memory processed:", "memory_processed", "data"},
		{"Memory remaining:", "memory_remaining", "data"},
		{"Memory total:", "memory_total", "data"},
		{"Memory bandwidth:", "memory_bps", "data/s"},
		{"Dirty rate:", "memory_dirty_rate", "pages/s"},
		{"Page size:", "memory_page_size", "bytes"},
		{"Iteration:", "memory_iteration", ""},
		{"Postcopy requests:", "memory_postcopy_requests", ""},
		{"File processed:", "disk_processed", "data"},
		{"File remaining:", "disk_remaining", "data"},
		{"File total:", "disk_total", "data"},
		{"File bandwidth:", "disk_bps", "data/s"},
		{"Constant pages:", "memory_constant", ""},
		{"Normal pages:", "memory_normal", ""},
		{"Normal data:", "memory_normal_bytes", "data"},
		{downtime, "downtime", "ms"},
		{"Downtime w/o network:", "downtime_net", "ms"},
		{"Setup time:", "setup_time", "ms"},
		{"Compression cache:", "compression_cache", "data"},
		{"Compressed data:", "compression_bytes", "data"},
		{"Compressed pages:", "compression_pages", ""},
		{"Auto converge throttle:", "auto_converge_throttle", ""},
	}
}

func jobText(job rpc.Job) string {
	var b strings.Builder
	line := func(label, value string) { fmt.Fprintf(&b, "%-17s %s\n", label, value) }
	line("Job type:", jobType(job.Type))
	if job.Type == rpc.JobNone {
		return b.String()
	}
	if n, ok := job.Params.Number("operation"); ok {
		line("Operation:", operation(n))
	}
	for _, l := range jobLines(job.Type) {
		n, ok := job.Params.Number(l.name)
		switch {
		case !ok, !counted(job.Params, l), l.name == "time_remaining" && job.Type != rpc.JobBounded:
		case l.unit == "data" || l.unit == "data/s":
			line(l.label, capacity(n)+strings.TrimPrefix(l.unit, "data"))
		default:
			line(l.label, strings.TrimSpace(fmt.Sprintf("%-12d %s", n, l.unit)))
		}
	}
	if why := job.Params.Text("errmsg"); why != "" {
		line("Error message:", why)
	}
	return b.String()
}

// counted says whether a line counts anything: virsh leaves out the three of a kind, such as disks, where all are 0.
func counted(p rpc.Params, l jobLine) bool {
	kind, part, _ := strings.Cut(l.name, "_")
	if l.unit != "data" || part != "processed" && part != "remaining" && part != "total" {
		return true
	}
	for _, part := range []string{"_total", "_processed", "_remaining"} {
		if n, ok := p.Number(kind + part); ok && n > 0 {
			return true
		}
	}
	return false
}

// capacity is an amount as virsh shows it: three decimals of the largest binary unit.
func capacity(n uint64) string {
	x, units := float64(n), []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"}
	i := 0
	for ; x >= 1024 && i < len(units)-1; i++ {
		x /= 1024
	}
	return fmt.Sprintf("%.3f %s", x, units[i])
}

// operation is what a job does (virDomainJobOperation).
func operation(n uint64) string {
	names := []string{"Unknown", "Start", "Save", "Restore", "Incoming migration", "Outgoing migration", "Snapshot",
		"Snapshot revert", "Dump", "Backup", "Snapshot delete"}
	if n >= uint64(len(names)) {
		return names[0]
	}
	return names[n]
}
