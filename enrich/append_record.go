package enrich

import (
	"math"
	"slices"
	"strconv"

	"github.com/weft-gateway/weft/upstream"
)

// scratch is room in which most records can be written, in bytes. What is kept of
// one is a copy of its very length.
const scratch = 2 << 10

// encodeConversation writes a conversation as it is kept.
func encodeConversation(c *upstream.Conversation) ([]byte, error) {
	if !writable(&c.CreatedAt, &c.UpdatedAt, c.LastMessageAt) {
		return nil, errYear
	}
	return slices.Clone(appendConversation(make([]byte, 0, scratch), c)), nil
}

func appendConversation(b []byte, c *upstream.Conversation) []byte {
	b = appendString(append(b, `{"id":`...), c.ID)
	b = appendString(append(b, `,"tenantId":`...), c.TenantID)
	b = appendString(append(b, `,"workspaceId":`...), c.WorkspaceID)
	b = appendString(append(b, `,"channelId":`...), c.ChannelID)
	b = appendOptional(append(b, `,"contactId":`...), c.ContactID)
	b = appendOptional(append(b, `,"accountId":`...), c.AccountID)
	b = appendString(append(b, `,"status":`...), string(c.Status))
	b = appendOptional(append(b, `,"summary":`...), c.Summary)
	b = appendOptional(append(b, `,"subject":`...), c.Subject)
	b = appendOptional(append(b, `,"outcome":`...), c.Outcome)
	b = appendInt(append(b, `,"messageCount":`...), c.MessageCount)
	b = appendTime(append(b, `,"lastMessageAt":`...), c.LastMessageAt)
	b = appendTime(append(b, `,"createdAt":`...), &c.CreatedAt)
	b = appendTime(append(b, `,"updatedAt":`...), &c.UpdatedAt)
	b = appendOptional(append(b, `,"type":`...), c.Type)
	b = appendBool(append(b, `,"aiEnabled":`...), c.AIEnabled)
	b = appendOptional(append(b, `,"externalIdentifier":`...), c.ExternalIdentifier)
	b = appendRaw(append(b, `,"variables":`...), c.Variables)
	b = appendAssistant(append(b, `,"assistant":`...), c.Assistant)
	b = appendParty(append(b, `,"whatsappSender":`...), c.WhatsappSender)
	b = appendParty(append(b, `,"customer":`...), c.Customer)
	b = appendFloat(append(b, `,"totalCost":`...), c.TotalCost)
	if c.Inbox != "" {
		b = appendString(append(b, `,"inbox":`...), c.Inbox)
	}
	b = strconv.AppendBool(append(b, `,"linked":`...), c.Linked)
	return append(b, '}')
}

// encodePage writes a page of a list as it is kept.
func encodePage(p *upstream.Page) ([]byte, error) {
	b := append(make([]byte, 0, scratch), `{"Rows":[`...)
	for i := range p.Rows {
		c := &p.Rows[i]
		if !writable(&c.CreatedAt, &c.UpdatedAt, c.LastMessageAt) {
			return nil, errYear
		}
		if i > 0 {
			b = append(b, ',')
		}
		b = appendConversation(b, c)
		if i == 0 { // the others are about as long
			b = slices.Grow(b, len(b)*len(p.Rows)*9/8)
		}
	}
	b = appendString(append(b, `],"Next":`...), p.Next)
	b = appendString(append(b, `,"Prev":`...), p.Prev)
	b = strconv.AppendBool(append(b, `,"Short":`...), p.Short)
	b = strconv.AppendBool(append(b, `,"Numbered":`...), p.Numbered)
	b = appendInt(append(b, `,"Total":`...), p.Total)
	return append(b, '}'), nil
}

// writable reports whether all times have years that RFC 3339 can write.
func writable(times ...*upstream.Time) bool {
	for _, t := range times {
		if t != nil {
			if y := t.UTC().Year(); y < 0 || y > 9999 {
				return false
			}
		}
	}
	return true
}

// appendFloat writes a number as encoding/json does; null for none, and for what
// JSON has no number for.
func appendFloat(b []byte, f *float64) []byte {
	if f == nil || math.IsNaN(*f) || math.IsInf(*f, 0) {
		return append(b, "null"...)
	}
	format := byte('f')
	if abs := math.Abs(*f); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		format = 'e'
	}
	b = strconv.AppendFloat(b, *f, format, -1, 64)
	if n := len(b); format == 'e' && b[n-4] == 'e' && b[n-2] == '0' { // e-07 is e-7 there
		b = append(b[:n-2], b[n-1])
	}
	return b
}

// appendMember writes a member that is left out where it has no value.
func appendMember(b []byte, name string, s *string) []byte {
	if s == nil {
		return b
	}
	return appendString(append(b, name...), *s)
}

func appendTexts(b []byte, name string, list []string) []byte {
	if len(list) == 0 {
		return b
	}
	b = append(append(b, name...), '[')
	for i, s := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(b, s)
	}
	return append(b, ']')
}
