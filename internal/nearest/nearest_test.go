package nearest

import (
	"slices"
	"testing"
)

func TestTo(t *testing.T) {
	names := []string{"web", "web-2", "db", "Mail", "a", "build-agent-17"}
	for s, want := range map[string][]string{
		"wbe":            nil, // two changes in three letters
		"wb":             {"db", "web"},
		"wep":            {"web"},
		"mail":           {"Mail"},
		"agent":          {"build-agent-17"},
		"build-agnet-71": {"build-agent-17"},
		"b":              {"a", "db"},
		"postgres":       nil,
		"":               {"a"},
	} {
		if got := To(s, names); !slices.Equal(got, want) {
			t.Errorf("To(%q) = %q; want %q", s, got, want)
		}
	}
}

func TestDistance(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"abc", "", 3}, {"", "abc", 3}, {"abc", "abc", 0}, {"abc", "abd", 1}, {"abc", "ab", 1}, {"kitten", "sitting", 3}} {
		if got := Distance(tt.a, tt.b); got != tt.want || Distance(tt.b, tt.a) != tt.want {
			t.Errorf("Distance(%q, %q) = %d; want %d", tt.a, tt.b, got, tt.want)
		}
	}
}
