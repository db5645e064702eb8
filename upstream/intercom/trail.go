package intercom

import "strings"

// trail is how a page was reached: Intercom's cursors of the pages from the
// second one up to it. Intercom leads forward alone, so a cursor of ours is the
// whole way, which leads back too. A way that has grown too long for a cursor
// loses its beginning, and the way back ends there.
type trail struct {
	steps []string
	cut   bool // the first steps are lost
}

const (
	maxTrail  = 2800 // bytes of a trail, as written; the gateway's own cursors hold no more than about 3000
	maxCursor = 1024 // bytes of one of Intercom's
	begin     = "-"  // the first page, as written: no step at all
	lost      = "~"  // in front of a trail that lost its beginning
)

// readTrail reads a cursor; the first page has none.
func readTrail(cursor string) (trail, bool) {
	if cursor == "" || cursor == begin {
		return trail{}, true
	}
	steps := strings.Split(cursor, " ")
	cut := steps[0] == lost
	if cut {
		steps = steps[1:]
	}
	for _, step := range steps {
		if step == "" {
			return trail{}, false
		}
	}
	return trail{steps, cut}, len(steps) > 0
}

func (t trail) String() string {
	text := strings.Join(t.steps, " ")
	switch {
	case t.cut:
		return lost + " " + text
	case text == "":
		return begin
	}
	return text
}

// last is Intercom's cursor of the page; "" is the first page.
func (t trail) last() string {
	if len(t.steps) == 0 {
		return ""
	}
	return t.steps[len(t.steps)-1]
}

// on is the cursor of the page after.
func (t trail) on(step string) string {
	next := trail{append(t.steps[:len(t.steps):len(t.steps)], step), t.cut}
	for len(next.String()) > maxTrail {
		next.steps, next.cut = next.steps[1:], true
	}
	return next.String()
}

// back is the cursor of the page before; "" where there is none, or where the
// way to it is lost.
func (t trail) back() string {
	switch n := len(t.steps); {
	case n == 0, n == 1 && t.cut:
		return ""
	default:
		return trail{t.steps[:n-1], t.cut}.String()
	}
}
