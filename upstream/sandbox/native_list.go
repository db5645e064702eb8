package sandbox

import (
	"net/url"
	"slices"
	"strconv"
)

// list answers a page, latest activity first.
func (n nativeAPI) list(c call) answer {
	q := c.URL.Query()
	has, complaint := nativeFilter(q)
	if complaint != "" {
		return badRequest(complaint)
	}
	size := 15
	if s := q.Get("per_page"); s != "" {
		var err error
		if size, err = strconv.Atoi(s); err != nil || size < 1 || size > 100 {
			return badRequest("per_page is not within 1 and 100")
		}
	}
	var from *cursor
	if s := q.Get("cursor"); s != "" {
		cur, good := parseCursor(s)
		if !good {
			return badRequest("cursor is not one of ours")
		}
		from = &cur
	}
	rows := n.matching(c.tenant, func(o *conversation) bool { return c.wrong || has(o) })
	slices.SortFunc(rows, func(a, b *conversation) int { return activity(b).compare(activity(a)) })
	l := turn(rows, activity, from, size)
	return ok(map[string]any{"data": each(l.rows, nativeRow), "nextCursor": l.next, "prevCursor": l.prev})
}

// activity puts whoever spoke last first.
func activity(c *conversation) key { return key{c.lastMessage().UnixNano(), c.num} }

// nativeFilter reads the filters, all of which match exactly.
func nativeFilter(q url.Values) (has func(*conversation) bool, complaint string) {
	fields := map[string]func(*conversation) string{
		"type":                  func(c *conversation) string { return c.kind },
		"assistant_id":          func(c *conversation) string { return c.assistant.id },
		"customer_phone":        func(c *conversation) string { return c.customer.phone() },
		"whatsapp_sender_phone": func(c *conversation) string { return c.sender.phone() },
		"external_identifier":   func(c *conversation) string { return c.external },
		"status":                func(c *conversation) string { return c.status },
		"workspace_id":          func(c *conversation) string { return c.workspace },
		"contact_id":            func(c *conversation) string { return orEmpty(c.contact) },
	}
	for name, values := range q {
		if fields[name] == nil && name != "per_page" && name != "cursor" {
			return nil, "unknown parameter"
		}
		if len(values) != 1 || values[0] == "" {
			return nil, name + " has no single value"
		}
	}
	return func(c *conversation) bool {
		for name, field := range fields {
			if !is(q.Get(name), field(c)) {
				return false
			}
		}
		return true
	}, ""
}

func orEmpty(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
