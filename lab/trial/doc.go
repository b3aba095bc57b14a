// Package trial runs an experiment's plan on the lab, trial by trial. A lab is kept from one trial to the next for as
// long as their setups allow, and a guest that is alive after a trial is moved back in the next.
package trial
