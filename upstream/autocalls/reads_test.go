package autocalls

import (
	"fmt"
	"testing"

	"github.com/weft-gateway/weft/upstream/upstreamtest"
)

// reads is all that is read of the server's answers, of either generation.
func reads(byPage bool) []string {
	all := []string{
		"data.id", "data.assistant_id", "data.assistant_name", "data.type", "data.message_count", "data.total_cost", "data.ai_enabled",
		"data.created_at", "data.updated_at", "data.variables", "data.external_identifier",
		"data.whatsapp_sender.name", "data.whatsapp_sender.phone", "data.customer.name", "data.customer.phone",
		"next_cursor", "prev_cursor",

		"status", "variables", "external_identifier",
		"whatsapp_sender.name", "whatsapp_sender.phone", "customer.name", "customer.phone",
		"history.role", "history.content",
		"history.function_calls.name", "history.function_calls.arguments", "history.function_calls.result",
	}
	if byPage {
		all = append(all, "current_page", "last_page", "total")
	}
	return all
}

// TestReads: all that is not on the list makes no difference.
func TestReads(t *testing.T) {
	names := []string{"assistant", "user_id", "customer_phone", "recording_url", "transcript", "tags", "notes", "metadata", "lead", "email", "ip", "user_agent"}
	for _, byPage := range []bool{false, true} {
		t.Run(fmt.Sprint("by page ", byPage), func(t *testing.T) {
			upstreamtest.TestStoreReads(t, reads(byPage), names, func(t testing.TB) upstreamtest.StoreCase {
				a := newAccount(7)
				a.byPage = byPage
				return storeCase(t, a)
			})
		})
	}
}
