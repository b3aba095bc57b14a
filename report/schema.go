package report

import "time"

// schemaVersion rises when a key is renamed, removed or changes its meaning; a new key alone does not raise it.
const schemaVersion = 1

// The public schema. It is apart from the types of the stages, so that these can change and scripts still work.
// Rules: every key is always there; null is "not known" or "not used"; amounts carry their unit in the key; an
// interval's null bound never ends. SCHEMA.md explains every key.
type document struct {
	Schema    string      `json:"schema"` // "walm.record" or "walm.advice"
	Version   int         `json:"version"`
	Simulated bool        `json:"simulated"`
	ID        string      `json:"id"`
	VM        string      `json:"vm"`
	Source    string      `json:"source"`
	Target    string      `json:"target"`
	When      *string     `json:"when"`
	Started   *time.Time  `json:"started"`
	Trace     traceDoc    `json:"trace"`
	Link      linkDoc     `json:"link"`
	Host      hostDoc     `json:"host"`
	Policy    policyDoc   `json:"policy"`
	Forecasts []forecast  `json:"forecasts"`
	Plan      planDoc     `json:"plan"`
	Own       *planDoc    `json:"own_plan"` // null: the plan is walm's own
	InPhases  []inPhase   `json:"in_phases"`
	Outcome   *outcomeDoc `json:"outcome"`   // null in an advice
	Decisions []decision  `json:"decisions"` // in flight
	Notes     []note      `json:"notes"`     // the course of the move in words
	Events    []event     `json:"events"`
	Beats     []beat      `json:"beats"`
	LinkUse   []reading   `json:"link_use"`
	CPU       []usage     `json:"cpu"`
}

// estimate is a forecast number: the median and the interval that should hold it with probability Level.
type estimate struct {
	Lo     *float64 `json:"lo"`
	Mid    *float64 `json:"mid"`
	Hi     *float64 `json:"hi"`
	Never  bool     `json:"never"` // the median never ends
	Level  float64  `json:"level"`
	N      int      `json:"n"`
	Source string   `json:"source"`
}

// figure is a measured number; Value is null where nothing measured it, and Source says so.
type figure struct {
	Value  *float64 `json:"value"`
	StdErr *float64 `json:"standard_error"`
	N      int      `json:"n"`
	Source string   `json:"source"`
}

type traceDoc struct {
	Taken    *time.Time `json:"taken"`
	Took     *float64   `json:"took_seconds"`
	Source   string     `json:"source"`
	Class    string     `json:"class"`
	RAM      *float64   `json:"ram_bytes"`
	Present  *float64   `json:"present_bytes"`
	Zero     figure     `json:"zero_bytes"`
	Unread   *float64   `json:"unread_bytes"`
	Swapped  *float64   `json:"swapped_bytes"`
	Huge     *float64   `json:"huge_bytes"`
	Twice    *float64   `json:"duplicate_share"`
	Packed   *float64   `json:"compressed_share"`
	Repacked *float64   `json:"written_compressed_share"`
	Together *float64   `json:"compressed_together_times"`
	Packs    *float64   `json:"compressed_bytes_per_second"`
	VCPUs    []float64  `json:"vcpu_shares"`
	NetIn    *float64   `json:"net_in_bytes_per_second"`
	NetOut   *float64   `json:"net_out_bytes_per_second"`
	Curve    []point    `json:"dirty_curve"`
	Touched  []touch    `json:"touched_curve"`
	Phases   *phasesDoc `json:"phases"` // null: none to be seen
	Access   *string    `json:"access"`
	Warnings []string   `json:"warnings"`
}

type phasesDoc struct {
	Busy  float64 `json:"busy_seconds"`
	Quiet float64 `json:"quiet_seconds"`
	Pace  float64 `json:"quiet_pace_share"`
}

type point struct {
	Window *float64 `json:"window_seconds"`
	Dirty  figure   `json:"dirty_bytes"`
}

type touch struct {
	Window  *float64 `json:"window_seconds"`
	Touched figure   `json:"touched_bytes"`
}

type linkDoc struct {
	Bandwidth figure   `json:"bandwidth_bytes_per_second"`
	Beside    *float64 `json:"vm_sent_beside_bytes_per_second"`
	RTT       *float64 `json:"rtt_seconds"`
	Queue     *float64 `json:"queue_seconds"`
}

type hostDoc struct {
	Setup        *float64 `json:"setup_seconds"`
	Switchover   *float64 `json:"switchover_seconds"`
	Handover     *float64 `json:"handover_seconds"`
	Finish       *float64 `json:"finish_seconds"`
	FaultService *float64 `json:"fault_service_seconds"`
	DiskRate     *float64 `json:"disk_bytes_per_second"`
	PackRate     *float64 `json:"compression_bytes_per_second"`
	Source       string   `json:"source"`
	Rules        rulesDoc `json:"rules"`
}

type rulesDoc struct {
	Chunked  bool    `json:"dirty_bits_in_chunks"`
	Synced   bool    `json:"throttle_looks_forced"`
	Scanning bool    `json:"channels_find_zeros"`
	Pagewise bool    `json:"dirty_bits_page_by_page"`
	Source   *string `json:"source"`
}

type policyDoc struct {
	Profile     string   `json:"profile"`
	Method      *string  `json:"method"`
	MaxDowntime *float64 `json:"max_downtime_seconds"`
	Deadline    *float64 `json:"deadline_seconds"`
	MaxSlowdown *float64 `json:"max_slowdown_share"`
	NoPostcopy  bool     `json:"no_post_copy"`
	Weights     weights  `json:"weights"`
}

type weights struct {
	Loss  float64 `json:"service_loss_per_second"`
	TMT   float64 `json:"tmt_per_second"`
	DT    float64 `json:"downtime_per_second"`
	Bytes float64 `json:"sent_per_gibibyte"`
}

type paramsDoc struct {
	DowntimeLimit     *float64 `json:"downtime_limit_seconds"`
	Bandwidth         *float64 `json:"bandwidth_bytes_per_second"`
	Switchover        *float64 `json:"switchover_bandwidth_bytes_per_second"`
	PostcopyBandwidth *float64 `json:"post_copy_bandwidth_bytes_per_second"`
	Passes            *float64 `json:"passes"`
	ThrottleInitial   *float64 `json:"throttle_initial_percent"`
	ThrottleIncrement *float64 `json:"throttle_increment_percent"`
	ThrottleMax       *float64 `json:"throttle_max_percent"`
	ThrottleTrigger   *float64 `json:"throttle_trigger_percent"`
	Preempt           bool     `json:"preempt"`
	Multifd           *float64 `json:"multifd_channels"`
	Compression       *string  `json:"compression"`
	Armed             bool     `json:"post_copy_armed"`
}

type forecast struct {
	Method    string    `json:"method"`
	Params    paramsDoc `json:"params"`
	TMT       estimate  `json:"tmt_seconds"`
	DT        estimate  `json:"downtime_seconds"`
	Loss      estimate  `json:"service_loss_seconds"`
	Exposure  estimate  `json:"exposure_seconds"`
	Bytes     estimate  `json:"sent_bytes"`
	Passes    int       `json:"passes"`
	Converges float64   `json:"converges_probability"`
	Slowdown  float64   `json:"slowdown_share"`
	Warnings  []string  `json:"warnings"`
}

type planDoc struct {
	Method  *string   `json:"method"` // null where no method meets the limits
	Params  paramsDoc `json:"params"`
	Forced  bool      `json:"forced"`
	Why     string    `json:"why"`
	Margin  *float64  `json:"margin_seconds"` // of cost, to the next best; null: there is none
	Options []option  `json:"options"`        // best first
	Turns   []turn    `json:"turns"`
	Remedy  []string  `json:"remedies"`
}

type inPhase struct {
	Phase     string     `json:"phase"`
	Plan      planDoc    `json:"plan"`
	Forecasts []forecast `json:"forecasts"`
}

type turn struct {
	Fact   string  `json:"fact"`
	Factor float64 `json:"factor"`
	Method string  `json:"method"`
}

type option struct {
	Method string    `json:"method"`
	Params paramsDoc `json:"params"`
	Cost   *float64  `json:"cost_seconds"` // null where it is out
	Wins   float64   `json:"wins_share"`
	Out    *string   `json:"out"`
	Why    string    `json:"why"`
}

type decision struct {
	At     float64  `json:"at_seconds"`
	Move   string   `json:"move"`
	Limit  *float64 `json:"downtime_limit_seconds"`
	Would  *string  `json:"would"`
	TMT    *float64 `json:"tmt_seconds"`
	Off    *float64 `json:"off_share"`
	Reason string   `json:"reason"`
}

type note struct {
	At    float64 `json:"at_seconds"`
	State string  `json:"state"`
	Text  string  `json:"text"`
}

type outcomeDoc struct {
	Result   string      `json:"result"`
	Detail   string      `json:"detail"`
	TMT      figure      `json:"tmt_seconds"`
	DT       figure      `json:"downtime_seconds"`
	Service  figure      `json:"service_downtime_seconds"`
	Loss     figure      `json:"service_loss_seconds"`
	Bytes    figure      `json:"sent_bytes"`
	Passes   int         `json:"passes"`
	Claimed  claimedDoc  `json:"claimed"`
	Probe    *probeDoc   `json:"probe"`
	Guest    *guestDoc   `json:"guest"`
	Memory   *memoryDoc  `json:"memory"`
	Versus   []deviation `json:"predicted_against_measured"`
	Warnings []string    `json:"warnings"`
}

type claimedDoc struct {
	TMT   *float64 `json:"tmt_seconds"`
	DT    *float64 `json:"downtime_seconds"`
	Bytes *float64 `json:"sent_bytes"`
}

type probeDoc struct {
	MedianGap *float64 `json:"median_gap_seconds"`
	At        float64  `json:"longest_gap_at_seconds"`
	Sent      int      `json:"sent"`
	Lost      int      `json:"lost"`
	Gaps      []gap    `json:"gaps"`
	Ping      *float64 `json:"ping_downtime_seconds"`
	PingsSent int      `json:"pings_sent"`
	PingsLost int      `json:"pings_lost"`
}

type gap struct {
	At  float64  `json:"at_seconds"`
	Len *float64 `json:"length_seconds"`
}

type guestDoc struct {
	Baseline float64  `json:"baseline_operations_per_second"`
	Back     *float64 `json:"back_seconds"`
	Complete bool     `json:"complete"`
}

type memoryDoc struct {
	Alive   bool    `json:"alive"`
	Pages   int     `json:"pages_checked"`
	Written int     `json:"pages_written_during_migration"`
	Bad     int     `json:"pages_bad"`
	Err     *string `json:"error"`
}

// deviation is predicted minus measured; null where one of them is not known or the VM did not move.
type deviation struct {
	Quantity string   `json:"quantity"`
	Error    *float64 `json:"error"`           // in the quantity's unit
	Relative *float64 `json:"error_share"`     // of the measured
	Inside   *bool    `json:"inside_interval"` // of level 0.8
}

type event struct {
	At       float64   `json:"at_seconds"` // since started, as every at_seconds
	Kind     string    `json:"kind"`
	Side     *string   `json:"side"`
	Status   *string   `json:"status"`
	Act      *string   `json:"act"`
	Pass     *float64  `json:"pass"`
	Progress *progress `json:"progress"`
	Err      *string   `json:"error"`
}

type progress struct {
	Pass        int      `json:"pass"`
	Total       *float64 `json:"total_bytes"`
	Remaining   *float64 `json:"remaining_bytes"`
	Transferred *float64 `json:"transferred_bytes"`
	Rate        *float64 `json:"rate_bytes_per_second"`
	DirtyRate   *float64 `json:"dirty_rate_bytes_per_second"`
	Throttle    int      `json:"throttle_percent"`
	Faults      int64    `json:"faults"`
}

type beat struct {
	At   float64  `json:"at_seconds"`
	Up   *float64 `json:"guest_seconds"`
	Ops  uint64   `json:"operations"`
	Side string   `json:"side"`
}

type reading struct {
	At    float64  `json:"at_seconds"`
	Bytes *float64 `json:"bytes"`
}

type usage struct {
	At          float64 `json:"at_seconds"`
	VCPUs       float64 `json:"vcpu_seconds"`
	Source      float64 `json:"source_seconds"`
	Destination float64 `json:"destination_seconds"`
}
