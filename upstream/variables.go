package upstream

import "encoding/json"

// Variables makes the variables of a conversation out of what its store knows
// of it: names says which fields pass, our name -> theirs, and value finds the
// JSON of one of theirs, as in [ReadCustom]. The texts pass too, but for those
// whose name is taken. It is null when nothing has a value.
func Variables[Name any](names map[string]Name, value func(Name) json.RawMessage, texts map[string]*string) json.RawMessage {
	all := make(Custom, len(names)+len(texts))
	for name, text := range texts {
		if text == nil {
			continue
		}
		if raw, err := json.Marshal(*text); err == nil && len(raw) <= maxCustom {
			all[name] = raw
		}
	}
	for name, raw := range ReadCustom(names, value) {
		all[name] = raw
	}
	if len(all) == 0 {
		return json.RawMessage("null")
	}
	raw, err := json.Marshal(all)
	if err != nil {
		return json.RawMessage("null")
	}
	return raw
}
