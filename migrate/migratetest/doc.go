// Package migratetest checks drivers: one conformance suite that every migrate.Hypervisor passes, and Sim, a simulated
// one for all tests that need no real VM. Nothing that comes out of Sim is a measurement.
package migratetest
