// Package predict forecasts what each method of migration would cost a VM. It is pure: a trace, a link and the
// constants of a host pair go in, a forecast per method comes out.
package predict
