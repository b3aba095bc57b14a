package results

// Set is a results file as read: what is whole of it, and what is not.
type Set struct {
	Header  Header
	Trials  []Trial
	Damaged []string // what could not be used, in words
}
