package upstreamtest_test

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/weft-gateway/weft/upstream"
	"github.com/weft-gateway/weft/upstream/native"
	"github.com/weft-gateway/weft/upstream/rest"
	"github.com/weft-gateway/weft/upstream/sandbox"
)

// Of many calls some are answered with what is not the caller's, or is odd. None
// of it is ever returned, and what is good still is.
func TestNothingOfStrangers(t *testing.T) {
	const calls = 2000
	for _, body := range []sandbox.Body{sandbox.BodyWrongRecord, sandbox.BodyOtherTenant, sandbox.BodyDuplicateKeys, sandbox.BodyDeep} {
		t.Run(string(body), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				box := sandbox.New(sandbox.Config{Conversations: 20, Now: now})
				t.Cleanup(box.Close)
				globex := box.Tenants()[1]
				cc, _ := host(t, "rest", box.CRM(), rest.Operations(), globex.CRMToken)
				crm, err := rest.New(cc, rest.Config{TenantID: globex.ID})
				if err != nil {
					t.Fatal(err)
				}
				sc, _ := host(t, "native", box.Native(), native.Operations(), globex.StoreToken)
				store, err := native.New(sc, native.Config{TenantID: globex.ID})
				if err != nil {
					t.Fatal(err)
				}
				for _, svc := range []*sandbox.Service{box.CRM(), box.Native()} {
					if err := svc.Set("", sandbox.Dial{Rate: 0.05, Body: body}); err != nil {
						t.Fatal(err)
					}
				}
				const contact = "ct1a2b3c-5678-9abc-def0-1234567890ab"
				good, refused := 0, 0
				note := func(err error) {
					if err != nil {
						refused++
					} else {
						good++
					}
				}
				for range calls / 2 {
					found, err := crm.Contacts(t.Context(), []string{contact})
					note(err)
					for id, c := range found {
						if id != contact || c.ID != contact || c.TenantID != globex.ID || c.FirstName != nil && strings.Contains(*c.FirstName, sandbox.Stranger) {
							t.Fatalf("returned %s of %s", c.ID, c.TenantID)
						}
					}
					c, err := store.Conversation(t.Context(), sandbox.ExampleNative)
					note(err)
					if err == nil && (c.ID != sandbox.ExampleNative || c.TenantID != globex.ID) {
						t.Fatalf("returned %s of %s", c.ID, c.TenantID)
					}
				}
				if tripped, _ := cc.Tripped(upstream.OpContacts); tripped || good < calls*9/10 {
					t.Errorf("%d good, %d refused, tripped %t", good, refused, tripped)
				}
				if refused == 0 {
					t.Error("nothing was refused; the case shows nothing")
				}
			})
		})
	}
}
