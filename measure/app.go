package measure

import "time"

// App is what the clients of a program in the guest saw.
type App struct {
	Program      string
	Sent, Failed int           // requests: all, and those without a good answer
	Rate         float64       // requests answered per second before the migration
	Gap          time.Duration // longest time without an answer
	P50, P99     time.Duration // latency before the migration
	During       time.Duration // p99 latency from its start until throughput was back
	Back         time.Duration // from its start until throughput was back at 95 %; 0: it never left
	Complete     bool          // it came back within the time watched
	Warnings     []string      `json:",omitempty"`
}
