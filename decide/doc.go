// Package decide chooses a method from forecasts and a policy, and what to do at pass boundaries while it runs. It is
// pure, and every answer carries its reason.
package decide
