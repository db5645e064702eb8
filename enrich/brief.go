package enrich

import (
	"math"
	"slices"
	"time"

	"github.com/weft-gateway/weft/upstream"
)

// brief is what Derive looks at of a message. There is one in memory for each, so
// it is small, and nothing else is alive because of it.
type brief struct {
	role string
	at   int64 // Unix milliseconds; never: the message has no time
}

const never = math.MinInt64

func newBrief(role string, at *upstream.Time) brief {
	b := brief{role: sharedRole(role), at: never}
	if at != nil {
		b.at = at.UnixMilli()
	}
	return b
}

// sharedRole returns the role, usual ones as one string for all.
func sharedRole(role string) string {
	switch role {
	case "assistant":
		return "assistant"
	case "user":
		return "user"
	case "system":
		return "system"
	case "tool":
		return "tool"
	}
	return role
}

// seen is the thread as far as Derive looks at it.
func (t *thread) seen() *upstream.Thread {
	var briefs []brief
	if known := t.briefs.Load(); known != nil {
		briefs = *known
	} else {
		briefs = readBriefs(t.json())
	}
	messages, times := make([]upstream.Message, len(briefs)), make([]upstream.Time, len(briefs))
	for i, b := range briefs {
		messages[i].Role = b.role
		if b.at != never {
			times[i] = upstream.At(time.UnixMilli(b.at))
			messages[i].CreatedAt = &times[i]
		}
	}
	return &upstream.Thread{Messages: messages}
}

// Pack implements [cache.Packer].
func (t *thread) Pack() (bytes int, ok bool) {
	t.briefs.Store(nil)
	return t.text.Pack()
}

// fitted returns b without room for more, if that is worth a copy.
func fitted(b []byte) []byte {
	if cap(b)-len(b) > len(b)/16 {
		return slices.Clone(b)
	}
	return b
}
