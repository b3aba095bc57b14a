// Package measure finds out what a migration did cost: from probes, the guest's own reports, the link's counters and
// the events of both ends, never from what the hypervisor claims alone.
package measure
