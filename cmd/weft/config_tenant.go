package main

import "slices"

// validate reports what is wrong between the values of a tenant.
func (t *Tenant) validate(r *report, path string) {
	t.validatePlaces(r, path)
	t.validateLink(r, path)
	t.Store.validate(r, join(path, "store"))
	if t.CRM != nil {
		t.CRM.validate(r, join(path, "crm"))
	}
	pages := make(map[string]string) // origin -> its path
	for i, page := range t.CORS {
		r.unique(pages, page, index(join(path, "cors"), i), "repeats")
	}
	hidden := make(map[string]string) // field -> its path
	for i, field := range t.Hide {
		r.unique(hidden, field, index(join(path, "hide"), i), "repeats")
	}
}

// validatePlaces checks that each conversation has one workspace and one
// channel, and that keys are limited to workspaces that exist.
func (t *Tenant) validatePlaces(r *report, path string) {
	if t.Store.Kind == kindChatwoot && len(t.Channels) > 0 {
		r.fail(join(path, "channels"), "has no effect: a chatwoot store says the channel itself")
	}
	if t.Store.Kind == kindNative {
		if len(t.Workspaces) > 0 {
			r.fail(join(path, "workspaces"), "has no effect: a native store says the workspace itself")
		}
		if len(t.Channels) > 0 {
			r.fail(join(path, "channels"), "has no effect: a native store says the channel itself")
		}
		return
	}
	t.validateWorkspaces(r, path)
	channels := make(map[ChannelRule]string) // what matches -> path of the rule
	for i, c := range t.Channels {
		at := index(join(path, "channels"), i)
		c.ID = ""
		if c == (ChannelRule{}) {
			r.fail(at, "matches nothing; want a type, sender or assistant")
		} else if first, ok := channels[c]; ok {
			r.fail(at, "matches what %s on line %d does", first, r.where(first).line)
		}
		channels[c] = at
	}
}

func (t *Tenant) validateWorkspaces(r *report, path string) {
	known := []string{t.Workspace}
	assistants, senders, types, inboxes := make(map[string]string), make(map[string]string), make(map[string]string), make(map[string]string) // value -> its path
	for i, w := range t.Workspaces {
		known = append(known, w.ID)
		at := index(join(path, "workspaces"), i)
		if len(w.Assistants)+len(w.Senders)+len(w.Types)+len(w.Inboxes) == 0 {
			r.fail(at, "matches nothing; want inboxes, assistants, senders or types")
		}
		if len(w.Inboxes) > 0 && t.Store.Kind == kindAutocalls {
			r.fail(join(at, "inboxes"), "has no effect: an autocalls store has none")
		}
		r.uniqueAll(inboxes, w.Inboxes, join(at, "inboxes"))
		r.uniqueAll(assistants, w.Assistants, join(at, "assistants"))
		r.uniqueAll(senders, w.Senders, join(at, "senders"))
		r.uniqueAll(types, w.Types, join(at, "types"))
	}
	if t.Workspace == "" {
		return // the default is derived, and a key may be limited to it
	}
	for i, k := range t.Keys {
		for j, id := range k.Workspaces {
			if at := index(join(index(join(path, "keys"), i), "workspaces"), j); !slices.Contains(known, id) {
				r.fail(at, "is not a workspace of this tenant")
			}
		}
	}
}

func (r *report) uniqueAll(seen map[string]string, values []string, path string) {
	for i, v := range values {
		r.unique(seen, v, index(path, i), "repeats")
	}
}
