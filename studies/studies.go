// Package studies lists the publications that walm reproduces, and the questions of its own that it answers.
package studies

import (
	"walm/studies/cs695"
	"walm/studies/forecast"
	"walm/studies/icclab"
	"walm/studies/iitd"
	"walm/studies/policies"
	"walm/studies/salfner"
	"walm/studies/study"
	interim "walm/studies/walm-interim"
)

// All lists every study, in the order in which they are shown.
func All() []study.Study {
	return []study.Study{cs695.Study(), iitd.Study(), salfner.Study(), interim.Study(), icclab.Study(),
		forecast.Study(), policies.Study()}
}
