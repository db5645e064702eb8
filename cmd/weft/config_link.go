package main

import (
	"errors"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/weft-gateway/weft/upstream"
)

// linkShape is the form of a link rule: a field, or a field and its lookup as
// the one key and value of a mapping.
type linkShape struct{ dst *LinkRule }

func (l *LinkRule) shape() linkShape { return linkShape{l} }

func (s linkShape) read(r *reader, path string, n *yaml.Node) {
	if n.Kind != yaml.MappingNode {
		scalar(s.field).read(r, path, n)
		return
	}
	if len(n.Content) != 2 {
		r.fail(path, "want one field and its lookup, as in {variables.email: email}")
		return
	}
	key, value := n.Content[0], n.Content[1]
	r.read(scalar(s.field), path, key.Line, key)
	r.read(oneOf(&s.dst.Lookup, lookups()...), path, value.Line, value)
}

// field stores the field, with the lookup that is usual for it.
func (s linkShape) field(name string) error {
	lookup, ok := usualLookup(name)
	if !ok {
		return errors.New("want external_identifier, customer.phone or variables.NAME with a NAME of letters, digits, _ or -")
	}
	*s.dst = LinkRule{name, string(lookup)}
	return nil
}

func usualLookup(field string) (upstream.Lookup, bool) {
	switch field {
	case "external_identifier":
		return upstream.ByExternalRef, true
	case "customer.phone":
		return upstream.ByPhone, true
	}
	name, ok := strings.CutPrefix(field, "variables.")
	return upstream.ByID, ok && isIdentifier(name)
}

func lookups() []string {
	return []string{string(upstream.ByID), string(upstream.ByExternalRef), string(upstream.ByEmail), string(upstream.ByPhone)}
}

// MarshalYAML implements [yaml.Marshaler].
func (l LinkRule) MarshalYAML() (any, error) { return map[string]string{l.Field: l.Lookup}, nil }

// validateLink checks that the rules can have an effect.
func (t *Tenant) validateLink(r *report, path string) {
	switch {
	case len(t.Link) > 0 && t.CRM == nil:
		r.fail(join(path, "link"), "has no effect without a crm")
	case len(t.Link) == 0 && t.CRM != nil && t.Store.Kind != kindNative && t.Store.Kind != "":
		r.fail(join(path, "link"), "is missing: a store of kind %s does not say which contact a conversation belongs to", t.Store.Kind)
	}
	seen := make(map[string]string) // field -> path of its rule
	for i, rule := range t.Link {
		at := index(join(path, "link"), i)
		r.unique(seen, rule.Field, at, "repeats the field of")
		if t.CRM != nil && t.CRM.Kind != kindREST && t.CRM.Kind != "" && t.CRM.ExternalRef == "" && rule.Lookup == string(upstream.ByExternalRef) {
			r.fail(at, "looks up by externalRef, for which crm.external_ref has to say the field")
		}
	}
}
