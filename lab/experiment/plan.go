package experiment

// Level is a factor's level in a trial, as the file writes it.
type Level struct{ Factor, Level string }

// Cell is a combination of levels, in the order of the file's factors; String is its name, "wset=50% rate=10000".
type Cell []Level

// Trial is one run of the plan.
type Trial struct {
	N     int // in the plan, from 1
	Block int // from 1; every block holds every cell once, in a random order of its own
	Cell  Cell
	Setup Setup
	Seed  uint64 // for what the trial itself draws
}
