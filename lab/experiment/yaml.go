package experiment

import (
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// body parses the text's one YAML document. Its nodes are read one by one, since decoding would lose the order of
// factors, the lines, and how numbers are written.
func (x *Experiment) body(text []byte) (ast.Node, error) {
	if !utf8.Valid(text) {
		return nil, x.at(0, "it is not text in UTF-8")
	}
	tree, err := parser.ParseBytes(text, 0)
	if err != nil {
		var syntax *yaml.SyntaxError
		if errors.As(err, &syntax) && syntax.Token != nil {
			return nil, x.at(syntax.Token.Position.Line, "%s", syntax.Message)
		}
		return nil, x.at(0, "%w", err)
	}
	if len(tree.Docs) != 1 || tree.Docs[0].Body == nil {
		return nil, x.at(0, "an experiment's file holds one YAML document")
	}
	return tree.Docs[0].Body, nil
}

// entry is a key of a mapping with its value.
type entry struct {
	key   string
	line  int
	value ast.Node
}

// entries lists a mapping's keys in the order of the file. The parser has refused keys that are there twice.
func (x *Experiment) entries(n ast.Node, what string) ([]entry, error) {
	var values []*ast.MappingValueNode
	switch n := n.(type) {
	case *ast.MappingNode:
		values = n.Values
	case *ast.MappingValueNode:
		values = []*ast.MappingValueNode{n}
	default:
		return nil, x.at(line(n), "%s: want keys with values", what)
	}
	var all []entry
	for _, v := range values {
		key, err := x.scalar(v.Key, "a key of "+what)
		if err != nil {
			return nil, err
		}
		all = append(all, entry{key, line(v.Key), v.Value})
	}
	return all, nil
}

func line(n ast.Node) int {
	if n == nil || n.GetToken() == nil {
		return 0
	}
	return n.GetToken().Position.Line
}

// scalar is the text of a value that is neither list nor mapping.
func (x *Experiment) scalar(n ast.Node, what string) (string, error) {
	var text string
	switch n := n.(type) {
	case *ast.StringNode:
		text = n.Value
	case *ast.LiteralNode:
		text = strings.TrimSpace(n.Value.Value)
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		text = n.GetToken().Value // as written: 1e3 stays 1e3
	default:
		return "", x.at(line(n), "%s: want one value", what)
	}
	// What ends up in tables, in names of files and on terminals holds nothing that moves a cursor.
	if strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) && r != '\n' }) {
		return "", x.at(line(n), "%s: %q holds what cannot be printed", what, text)
	}
	return text, nil
}

// list is the values of a list, or the one value of what is none.
func (x *Experiment) list(n ast.Node, what string) ([]string, error) {
	nodes := []ast.Node{n}
	if seq, ok := n.(*ast.SequenceNode); ok {
		nodes = seq.Values
	}
	var all []string
	for _, v := range nodes {
		text, err := x.scalar(v, what)
		if err != nil {
			return nil, err
		}
		if text == "" || strings.Contains(text, "\n") {
			return nil, x.at(line(v), "%s: %q is no value", what, text)
		}
		all = append(all, text)
	}
	return all, nil
}
