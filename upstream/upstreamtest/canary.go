package upstreamtest

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"unicode"

	"github.com/weft-gateway/weft/upstream"
)

// canaryNumber stands where a number was.
const canaryNumber = json.Number("986543210123")

// The bounds of what is added to an answer, which has to stay below the limit of
// a body.
const (
	namesAtOnce = 40 // to an object
	rowsWithAll = 3  // of a list
)

// canaries are what added fields hold.
func canaries() []any {
	object := map[string]any{"id": canary, "name": canary, "value": canary}
	return []any{canary, canaryNumber, true, object, []any{object, canary}}
}

// ways are the ways to fields, and, with false, all that lead there.
func ways(fields []string) map[string]bool {
	all := make(map[string]bool)
	for _, way := range fields {
		for i, c := range way {
			if c == '.' && !all[way[:i]] {
				all[way[:i]] = false
			}
		}
		all[way] = true
	}
	return all
}

// spoiler changes what leads nowhere.
type spoiler struct {
	ways  map[string]bool
	names []string // of the fields that are added
	value any      // of these
}

// root changes a whole answer.
func (s spoiler) root(v any) any { return s.spoil(v, "") }

// spoil changes a value to which a way leads.
func (s spoiler) spoil(v any, at string) any {
	switch v := v.(type) {
	case []any:
		rest := s
		for i := range v {
			if i == rowsWithAll {
				rest.names = nil
			}
			v[i] = rest.spoil(v[i], at)
		}
	case map[string]any:
		s.members(v, at)
	case nil:
	default:
		if at != "" {
			return s.other(v)
		}
	}
	return v
}

func (s spoiler) members(object map[string]any, at string) {
	for name, v := range object {
		way := strings.TrimPrefix(at+"."+name, ".")
		switch read, leads := s.ways[way]; {
		case read:
		case leads:
			object[name] = s.spoil(v, way)
		default:
			object[name] = s.other(v)
		}
	}
	for _, name := range s.names {
		_, there := object[name]
		if _, leads := s.ways[strings.TrimPrefix(at+"."+name, ".")]; !there && !leads {
			object[name] = s.value
		}
	}
}

// other is another value of the same type; of nothing, it is any.
func (s spoiler) other(v any) any {
	switch v := v.(type) {
	case string:
		return canary
	case json.Number:
		return canaryNumber
	case bool:
		return !v
	case []any:
		out := []any{s.value}
		for _, inner := range v {
			out = append(out, s.other(inner))
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for name, inner := range v {
			out[name] = s.other(inner)
		}
		return out
	}
	return s.value
}

// vocabulary is the names of our own fields, as vendors may write them, and
// others.
func vocabulary(others []string) []string {
	all := map[string]bool{}
	for _, name := range others {
		all[name] = true
	}
	for _, of := range []reflect.Type{
		reflect.TypeFor[upstream.Conversation](), reflect.TypeFor[upstream.Message](), reflect.TypeFor[upstream.AttentionItem](),
		reflect.TypeFor[upstream.Contact](), reflect.TypeFor[upstream.Account](), reflect.TypeFor[upstream.Address](),
	} {
		for field := range of.Fields() {
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			if name == "" || name == "-" {
				continue
			}
			all[name], all[snake(name)] = true, true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// snake writes a name in lower case, with underscores between its words.
func snake(name string) string {
	var b strings.Builder
	for _, c := range name {
		if unicode.IsUpper(c) {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(c))
	}
	return b.String()
}
