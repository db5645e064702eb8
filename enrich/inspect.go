package enrich

import (
	"context"

	"github.com/weft-gateway/weft/cache"
)

// Inspect says which copies there are of a contact and of an account; "" asks
// for none. Nobody's data is shown, and it does not count as use.
func (e *Enricher) Inspect(ctx context.Context, t *Tenant, contactID, accountID string) []cache.Inspection {
	return e.cfg.Cache.Inspect(ctx, recordKeys(t, contactID, accountID))
}

// Purge removes the copies of a contact and of an account, as Inspect has them,
// from all replicas, and returns how many records had one. Other than Erase it
// does not look for what leads to them. An error means that Redis, or the other
// replicas, may still have some.
func (e *Enricher) Purge(ctx context.Context, t *Tenant, contactID, accountID string) (int, error) {
	return e.cfg.Cache.PurgeRecords(ctx, recordKeys(t, contactID, accountID))
}

// PurgeTenant removes all records of a tenant likewise, but for the rows that
// prove whose a conversation is: they would have to be listed again.
func (e *Enricher) PurgeTenant(ctx context.Context, t *Tenant) (int, error) {
	kinds := []string{kindConversation, kindThread, kindAttention, kindContact, kindAccount, kindLink, kindList}
	return e.cfg.Cache.Purge(ctx, t.ID, kinds)
}

func recordKeys(t *Tenant, contactID, accountID string) (keys []cache.Key) {
	if contactID != "" {
		keys = append(keys, cache.Key{Tenant: t.ID, Kind: kindContact, ID: contactID})
	}
	if accountID != "" {
		keys = append(keys, cache.Key{Tenant: t.ID, Kind: kindAccount, ID: accountID})
	}
	return keys
}
