// Package figures shows what an experiment found: tables, paired comparisons, plots, one HTML page, and the formats of
// others' tools. It is pure and deterministic: the same results give the same bytes.
package figures
