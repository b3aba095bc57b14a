package virsh

import (
	"errors"
	"fmt"
	"strings"
)

// split cuts a command line into words as a shell does: quotes, backslashes, and a backslash that joins lines. What else
// a shell would do with the line is refused, because walm runs none.
func split(text string) ([]string, error) {
	var words []string
	var word strings.Builder
	begun := false
	var quote rune
	rest := []rune(text)
	for i := 0; i < len(rest); i++ {
		r := rest[i]
		switch {
		case quote == '\'' && r != '\'', quote == '"' && r != '"' && r != '\\' && r != '$' && r != '`':
			word.WriteRune(r)
		case r == '\\':
			i++
			switch {
			case i == len(rest):
				return nil, errors.New("it ends in a backslash")
			case rest[i] == '\n': // joins lines
				continue
			case quote == '"' && !strings.ContainsRune("\"\\$`", rest[i]):
				word.WriteRune('\\')
			}
			word.WriteRune(rest[i])
			begun = true
		case r == quote:
			quote = 0
		case r == '\'' || r == '"':
			quote, begun = r, true
		case strings.ContainsRune(" \t\r\n", r):
			if begun {
				words = append(words, word.String())
				word.Reset()
				begun = false
			}
		case strings.ContainsRune("$`;|&<>()", r):
			return nil, fmt.Errorf("it has a %c for a shell, and walm runs none: write the virsh command alone, with its words as they are", r)
		default:
			word.WriteRune(r)
			begun = true
		}
	}
	switch {
	case quote != 0:
		return nil, fmt.Errorf("a %c is not closed", quote)
	case begun:
		words = append(words, word.String())
	}
	return words, nil
}
