// Package results keeps what an experiment found: one file, a line a trial, appended and synced as each ends. What was
// torn by a power loss is told and left out, and the rest is used.
package results
