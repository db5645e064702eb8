package enrich

import (
	"slices"
	"strconv"

	"github.com/weft-gateway/weft/upstream"
)

// encodeItems writes attention items as they are kept and shown; nil is null.
func encodeItems(all []upstream.AttentionItem) ([]byte, error) {
	if all == nil {
		return []byte("null"), nil
	}
	b := append(make([]byte, 0, scratch), '[')
	for i := range all {
		if !writable(&all[i].CreatedAt, all[i].ResolvedAt) {
			return nil, errYear
		}
		if i > 0 {
			b = append(b, ',')
		}
		b = appendItem(b, &all[i])
	}
	return slices.Clone(append(b, ']')), nil
}

func appendItem(b []byte, i *upstream.AttentionItem) []byte {
	b = appendString(append(b, `{"id":`...), i.ID)
	b = appendString(append(b, `,"tenantId":`...), i.TenantID)
	b = appendString(append(b, `,"conversationId":`...), i.ConversationID)
	b = appendString(append(b, `,"type":`...), i.Type)
	b = appendOptional(append(b, `,"reason":`...), i.Reason)
	b = appendString(append(b, `,"status":`...), i.Status)
	b = appendTime(append(b, `,"createdAt":`...), &i.CreatedAt)
	b = appendTime(append(b, `,"resolvedAt":`...), i.ResolvedAt)
	return append(b, '}')
}

// encodeLink writes a link as it is kept.
func encodeLink(l *link) ([]byte, error) {
	b := make([]byte, 0, linkOverhead+len(l.ContactID)+len(l.AccountID))
	b = appendString(append(b, `{"contactId":`...), l.ContactID)
	if l.AccountID != "" {
		b = appendString(append(b, `,"accountId":`...), l.AccountID)
	}
	if l.Ambiguous {
		b = strconv.AppendBool(append(b, `,"ambiguous":`...), true)
	}
	return append(b, '}'), nil
}

// linkOverhead is what a link takes beside the ids, in bytes; about.
const linkOverhead = 48
