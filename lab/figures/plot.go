package figures

import (
	"fmt"
	"strings"

	"walm/lab/results"
)

// Plot draws a figure as SVG and as PNG. The same results give the same bytes.
func Plot(set results.Set, s Spec) (svg, png []byte, err error) {
	pic, err := pictureOf(set, s)
	if err != nil {
		return nil, nil, err
	}
	if svg, err = pic.svg(); err != nil {
		return nil, nil, err
	}
	png, err = pic.png()
	return svg, png, err
}

func pictureOf(set results.Set, s Spec) (picture, error) {
	if len(set.Trials) == 0 {
		return picture{}, fmt.Errorf("plot %s of %s: no trial was run", s.Metric, set.Header.Name)
	}
	if err := s.check(set); err != nil {
		return picture{}, err
	}
	switch {
	case s.Kind == Timeline:
		return timelinePicture(set, s)
	case s.Kind == Bars && s.Metric == phases:
		return phasesPicture(set, s), nil
	}
	m, ok := metricNamed(s.Metric)
	if !ok {
		return picture{}, fmt.Errorf("plot %s: no such metric: one of %s", s.Metric, metricNames())
	}
	switch s.Kind {
	case Bars:
		return barsPicture(set, s, m), nil
	case Surface:
		return surfacePicture(set, s, m), nil
	case Wireframe:
		return wireframePicture(set, s, m), nil
	}
	return linesPicture(set, s, m), nil
}

func metricNames() string {
	var list []string
	for _, m := range results.Metrics() {
		list = append(list, m.Name)
	}
	return strings.Join(list, ", ")
}
