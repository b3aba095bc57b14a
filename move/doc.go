// Package move is the conductor: it runs observe, predict, decide, migrate and measure for one VM and returns the Record
// of it. Commands and the lab ask it for a move and never wire the stages themselves.
package move
