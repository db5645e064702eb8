package main

import "go.yaml.in/yaml/v3"

// maxCustom is how many custom fields a record can have.
const maxCustom = 50

// names is a mapping with keys of the file's own choice, each an identifier.
type names struct{ dst *map[string]string }

func (m names) read(r *reader, path string, n *yaml.Node) {
	*m.dst = make(map[string]string)
	known, good := make(fields), true
	for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if !isIdentifier(key.Value) {
			r.failAt(join(path, showKey(key.Value)), key.Line, "want a name of 1 to 64 letters, digits, _ or -")
			good = false
			continue
		}
		known[key.Value] = rename(*m.dst, key.Value)
	}
	switch {
	case len(known) > maxCustom:
		r.fail(path, "has more than %d names", maxCustom)
	case good:
		known.read(r, path, n)
	}
}
