// Package experiment is an experiment as a file says it and as it is to be run: factors and their levels, repetitions,
// and a plan in randomised complete blocks. It is pure: it reads and checks what it is given, and runs nothing.
package experiment
