// Package report shows what was seen, forecast, chosen and measured: as text for people, as JSON with a stable schema
// for scripts (SCHEMA.md) and as one HTML page. It is pure and deterministic: the same Record gives the same bytes, and
// a simulated Record says so in every output.
package report
