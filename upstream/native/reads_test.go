package native

import (
	"slices"
	"testing"

	"github.com/weft-gateway/weft/upstream/upstreamtest"
)

// reads is all that is read of the store's answers.
func reads() []string {
	conversation := []string{
		"id", "tenantId", "workspaceId", "channelId", "contactId", "accountId", "status", "summary", "subject", "outcome",
		"messageCount", "lastMessageAt", "createdAt", "updatedAt", "type", "aiEnabled", "externalIdentifier", "variables",
		"assistant.id", "assistant.name", "whatsappSender.name", "whatsappSender.phone", "customer.name", "customer.phone", "totalCost",
	}
	below := []string{ // of messages and attention items; rows have some of the names
		"role", "content", "functionCalls.name", "functionCalls.arguments", "functionCalls.result",
		"conversationId", "reason", "resolvedAt",
	}
	list := []string{"nextCursor", "prevCursor"}
	for _, field := range slices.Concat(conversation, below) {
		list = append(list, "data."+field)
	}
	return slices.Concat(conversation, list)
}

// TestReads: all that is not on the list makes no difference.
func TestReads(t *testing.T) {
	upstreamtest.TestStoreReads(t, reads(), nil, func(t testing.TB) upstreamtest.StoreCase {
		s, faults, _ := open(t, newInbox(7))
		return upstreamtest.StoreCase{Store: s, Faults: faults, IDs: []string{"c0", "c1", "c2"}}
	})
}
