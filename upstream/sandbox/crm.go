package sandbox

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// maxValues is the most ids or values in one call of the CRM.
const maxValues = 100

// crmAPI answers as an in-house CRM of the kind "rest".
type crmAPI struct{ *registry }

func crmSpec(records *registry, all []Tenant) spec {
	c := crmAPI{records}
	return spec{
		name:   "crm",
		ops:    []string{"contacts", "accounts", "find"},
		tokens: crmTokens(all),
		fault:  plainFault,
		routes: []route{
			{pattern: "GET /contacts", op: contactsOp, serve: c.contactList},
			{pattern: "GET /contacts/{id}", op: always("contacts"), serve: c.contact},
			{pattern: "GET /accounts", op: always("accounts"), serve: c.accountList},
			{pattern: "GET /accounts/{id}", op: always("accounts"), serve: c.account},
		},
	}
}

// contactsOp tells a search from a read by id.
func contactsOp(r *http.Request) string {
	if r.URL.Query().Has("ids") {
		return "contacts"
	}
	return "find"
}

func (c crmAPI) contact(r call) answer {
	found := c.contacts[r.tenant].read([]string{r.PathValue("id")}, r.wrong)
	if len(found) == 0 {
		return answer{http.StatusNotFound, map[string]string{"error": "Contact not found"}}
	}
	return ok(found[0])
}

func (c crmAPI) account(r call) answer {
	found := c.accounts[r.tenant].read([]string{r.PathValue("id")}, r.wrong)
	if len(found) == 0 {
		return answer{http.StatusNotFound, map[string]string{"error": "Account not found"}}
	}
	return ok(found[0])
}

func (c crmAPI) contactList(r call) answer {
	by, values, complaint := lookup(r.URL.Query(), "ids", "phone", "email", "externalRef")
	switch {
	case complaint != "":
		return badRequest(complaint)
	case by == "ids":
		return ok(map[string]any{"data": c.contacts[r.tenant].read(values, r.wrong)})
	}
	want := map[string]bool{}
	for _, v := range values {
		want[plain(by, v)] = true
	}
	return ok(map[string]any{"data": c.contacts[r.tenant].matching(func(o contact) bool {
		return o.has(by, want) != r.wrong
	})})
}

func (c crmAPI) accountList(r call) answer {
	_, values, complaint := lookup(r.URL.Query(), "ids")
	if complaint != "" {
		return badRequest(complaint)
	}
	return ok(map[string]any{"data": c.accounts[r.tenant].read(values, r.wrong)})
}

// lookup reads the one parameter of a list: which, and its values.
func lookup(q url.Values, known ...string) (by string, values []string, complaint string) {
	for name, given := range q {
		switch {
		case !slices.Contains(known, name):
			return "", nil, "unknown parameter"
		case by != "" || len(given) != 1:
			return "", nil, "more than one parameter"
		}
		by, values = name, strings.Split(given[0], ",")
	}
	switch {
	case by == "":
		return "", nil, "no parameter"
	case len(values) > maxValues:
		return "", nil, by + " has more than 100 values"
	case slices.Contains(values, ""):
		return "", nil, by + " has an empty value"
	}
	return by, values, ""
}
