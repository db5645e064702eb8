package chatwoot

import (
	"slices"
	"strconv"
	"testing"

	"github.com/weft-gateway/weft/upstream/upstreamtest"
)

// reads is all that is read of Chatwoot's answers, with the configuration of
// [open].
func reads() []string {
	conversation := []string{
		"id", "account_id", "inbox_id", "status", "created_at", "updated_at", "last_activity_at", "first_reply_created_at",
		"additional_attributes.mail_subject", "last_non_activity_message.created_at",
		"meta.assignee", "meta.channel",
		"meta.sender.name", "meta.sender.email", "meta.sender.phone_number", "meta.sender.identifier",
		"meta.sender.custom_attributes.hubspot_id", "custom_attributes.plan",
	}
	messages := []string{
		"payload.id", "payload.conversation_id", "payload.private", "payload.message_type", "payload.content", "payload.created_at",
		"payload.sender.type",
		"payload.attachments.file_type", "payload.attachments.fallback_title", "payload.attachments.data_url",
	}
	list := []string{"data.meta.all_count"}
	for _, field := range conversation {
		list = append(list, "data.payload."+field)
	}
	return slices.Concat(conversation, messages, list)
}

// TestReads: all that is not on the list makes no difference, be it of any name
// in the vendor's document.
func TestReads(t *testing.T) {
	spec, err := chatSpec()
	if err != nil {
		t.Fatal(err)
	}
	upstreamtest.TestStoreReads(t, reads(), spec.Names(), func(t testing.TB) upstreamtest.StoreCase {
		b := newServer(9)
		b.size = 4
		s, faults := open(t, b)
		c := upstreamtest.StoreCase{Store: s, Faults: faults}
		for _, row := range b.convs {
			c.IDs = append(c.IDs, strconv.Itoa(row.id))
		}
		return c
	})
}
