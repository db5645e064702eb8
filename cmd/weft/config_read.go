package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// shape is what a part of the file has to look like, and where its values go.
type shape interface {
	read(r *reader, path string, n *yaml.Node)
}

// The shapes. A scalar parses one value and stores it; its error says what is
// wanted and never repeats the text, which may hold a secret. Null is "".
type (
	scalar   func(text string) error
	fields   map[string]shape // key -> its value; others are refused
	list     func(n int) []shape
	required struct{ shape } // the key has to be there, and a list to have an element
	optional func() shape    // made only when the key is there
)

// reader walks the file along its shape.
type reader struct {
	report
	env environment
}

// read reads one part of the file, whose key or dash stands on the given line.
func (r *reader) read(s shape, path string, line int, n *yaml.Node) {
	r.places[path] = place{line: line}
	if n.Kind == yaml.AliasNode {
		r.fail(path, "aliases are not supported")
		return
	}
	s.read(r, path, n)
}

func (s scalar) read(r *reader, path string, n *yaml.Node) {
	if n.Kind != yaml.ScalarNode {
		r.fail(path, "want a single value")
		return
	}
	text := n.Value
	switch n.ShortTag() {
	case "!!null":
		text = ""
	case "!!str", "!!int", "!!float", "!!bool", "!!timestamp":
	default:
		r.fail(path, "tags are not supported")
		return
	}
	text, err := r.env.expand(text)
	if err == nil {
		err = s(text)
	}
	if err != nil {
		r.fail(path, "%v", err)
	}
}

func (f fields) read(r *reader, path string, n *yaml.Node) {
	if n.Kind != yaml.MappingNode {
		r.fail(path, "want a mapping")
		return
	}
	lines := make(map[string]int) // key -> where it stands first
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, line := n.Content[i].Value, n.Content[i].Line
		s, known := f[key]
		first, twice := lines[key]
		switch {
		case !known:
			r.failAt(join(path, showKey(key)), line, "unknown key; want one of "+sortedKeys(f))
		case twice:
			r.failAt(join(path, key), line, fmt.Sprintf("is there twice, first on line %d", first))
		default:
			lines[key] = line
			r.read(s, join(path, key), line, n.Content[i+1])
		}
	}
	for key, s := range f {
		if _, ok := s.(required); ok && lines[key] == 0 {
			r.fail(join(path, key), "is missing")
		}
	}
}

// failAt reports a key that has no place of its own, or had one before.
func (r *reader) failAt(field string, line int, text string) {
	r.problems = append(r.problems, problem{place{line: line}, field, text})
}

// showKey returns the letters that a key starts with. What is typed without
// the space after a colon is a key too, and may hold a token.
func showKey(key string) string {
	const most = 20 // more than the longest key has
	foreign := func(c rune) bool { return !isLetter(c) && c != '_' }
	end := strings.IndexFunc(key, foreign)
	if end < 0 && key != "" && len(key) <= most {
		return key
	}
	if end < 0 {
		end = len(key)
	}
	return key[:min(end, most)] + "…"
}

func (l list) read(r *reader, path string, n *yaml.Node) {
	if n.Kind != yaml.SequenceNode {
		r.fail(path, "want a list")
		return
	}
	for i, s := range l(len(n.Content)) {
		item := n.Content[i]
		r.read(s, fmt.Sprintf("%s[%d]", path, i), item.Line, item)
	}
}

func (q required) read(r *reader, path string, n *yaml.Node) {
	if n.Kind == yaml.SequenceNode && len(n.Content) == 0 {
		r.fail(path, "must not be empty")
		return
	}
	q.shape.read(r, path, n)
}

func (o optional) read(r *reader, path string, n *yaml.Node) { o().read(r, path, n) }

// override reads the variables that stand for the scalars below f.
func (f fields) override(r *reader, path string) {
	for key, s := range f {
		switch s := s.(type) {
		case fields:
			s.override(r, join(path, key))
		case scalar:
			r.override(s, join(path, key))
		}
	}
}

// override reads one scalar from its variable, if that is set. The value is
// taken as it is: it is not searched for other variables.
func (r *reader) override(s scalar, path string) {
	name := variable(path)
	text, found, err := r.env.lookup(name)
	if !found && err == nil {
		return
	}
	r.places[path] = place{variable: name}
	if err == nil {
		err = s(text)
	}
	if err != nil {
		r.fail(path, "%v", err)
	}
}

// variable returns the name of the variable that overrides a scalar.
func variable(path string) string {
	return "WEFT_" + strings.ToUpper(strings.ReplaceAll(path, ".", "_"))
}

// listOf is a list whose elements are stored in dst.
func listOf[T any, S shape](dst *[]T, of func(*T) S) list {
	return func(n int) []shape {
		*dst = make([]T, n)
		shapes := make([]shape, n)
		for i := range shapes {
			shapes[i] = of(&(*dst)[i])
		}
		return shapes
	}
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

func sortedKeys(f fields) string {
	return strings.Join(slices.Sorted(maps.Keys(f)), ", ")
}
