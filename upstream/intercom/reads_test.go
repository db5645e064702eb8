package intercom

import (
	"slices"
	"strconv"
	"testing"

	"github.com/weft-gateway/weft/upstream/upstreamtest"
)

// reads is all that is read of Intercom's answers, with the configuration of [open].
func reads() []string {
	conversation := []string{
		"id", "created_at", "updated_at", "state", "title", "admin_assignee_id", "team_assignee_id", "ai_agent_participated",
		"ai_agent.resolution_state",
		"source.type", "source.subject", "source.author.type", "source.author.id", "source.author.name", "source.author.email",
		"statistics.count_conversation_parts", "statistics.first_admin_reply_at", "statistics.last_admin_reply_at", "statistics.last_contact_reply_at",
		"contacts.contacts.id", "contacts.contacts.external_id",
		"custom_attributes.crm_id", "company.company_id",
	}
	thread := []string{
		"source.body", "source.attachments.name", "source.author.from_ai_agent",
		"conversation_parts.total_count",
		"conversation_parts.conversation_parts.id", "conversation_parts.conversation_parts.part_type",
		"conversation_parts.conversation_parts.body", "conversation_parts.conversation_parts.created_at",
		"conversation_parts.conversation_parts.author.type", "conversation_parts.conversation_parts.author.from_ai_agent",
		"conversation_parts.conversation_parts.attachments.name",
	}
	list := []string{"pages.next.starting_after"}
	for _, field := range conversation {
		list = append(list, "conversations."+field)
	}
	return slices.Concat(conversation, thread, list)
}

// TestReads: all that is not on the list makes no difference, be it of any name
// in the vendor's document.
func TestReads(t *testing.T) {
	spec, err := document()
	if err != nil {
		t.Fatal(err)
	}
	upstreamtest.TestStoreReads(t, reads(), spec.Names(), func(t testing.TB) upstreamtest.StoreCase {
		b := newWorkspace(7)
		b.convs[1].fields["contacts"] = contacts(jsonObject{"id": "x", "external_id": "ref-x"}, jsonObject{"id": "u1", "external_id": "ref-1"})
		b.convs[2].fields["source"].(jsonObject)["author"] = jsonObject{"type": "admin", "id": "7", "from_ai_agent": true}
		s, faults := open(t, b)
		c := upstreamtest.StoreCase{Store: s, Faults: faults}
		for _, row := range b.convs {
			c.IDs = append(c.IDs, strconv.Itoa(row.id))
		}
		return c
	})
}
