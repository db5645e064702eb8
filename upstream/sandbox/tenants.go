package sandbox

import "fmt"

// The tenants. Initech is another customer of the Autocalls store, unknown to
// the CRM: its conversations are the foreign ones that a key-less read shows.
const (
	Acme    = "a0b1c2d3-4567-89ab-cdef-0123456789ab"
	Globex  = "b7e2f9c4-1d35-4a68-9c0e-5f2a8d41b603"
	Initech = "c3d8a1e5-72b4-4f19-8e6d-90b5c7f2a418"
)

// Tenant is one customer of the gateway.
type Tenant struct {
	ID         string
	Name       string
	Store      string // which service has its conversations: "autocalls" or "native"
	StoreToken string // bearer token for that service
	CRMToken   string // bearer token for the CRM
}

// Tenants are the tenants that a gateway can be configured with.
func (s *Sandbox) Tenants() []Tenant { return s.tenants }

func tenants(more int) []Tenant {
	list := []Tenant{
		{ID: Acme, Name: "Acme", Store: "autocalls", StoreToken: "sandbox-acme-autocalls", CRMToken: "sandbox-acme-crm"},
		{ID: Globex, Name: "Globex", Store: "native", StoreToken: "sandbox-globex-native", CRMToken: "sandbox-globex-crm"},
	}
	for i := range more {
		name := fmt.Sprintf("tenant-%d", i+1)
		list = append(list, Tenant{
			ID: fmt.Sprintf("d0000000-0000-4000-8000-%012d", i+1), Name: name, Store: "native",
			StoreToken: "sandbox-" + name + "-native", CRMToken: "sandbox-" + name + "-crm",
		})
	}
	return list
}

// storeTokens are the tokens of one store: token -> tenant.
func storeTokens(store string, all []Tenant) map[string]string {
	tokens := map[string]string{}
	if store == "autocalls" {
		tokens["sandbox-initech-autocalls"] = Initech
	}
	for _, t := range all {
		if t.Store == store {
			tokens[t.StoreToken] = t.ID
		}
	}
	return tokens
}

// crmTokens are the tokens of the CRM: token -> tenant.
func crmTokens(all []Tenant) map[string]string {
	tokens := map[string]string{}
	for _, t := range all {
		tokens[t.CRMToken] = t.ID
	}
	return tokens
}
