package upstreamtest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/weft-gateway/weft/upstream"
)

// CRMCase is a CRM that holds known records. They must not change while a
// check runs.
type CRMCase struct {
	CRM       upstream.CRM
	Faults    *Faults            // the transport under CRM
	Contacts  []upstream.Contact // some, whole; at least 3, and 2 for each of Lookups
	Accounts  []upstream.Account // some, whole; at least 3
	Lookups   []upstream.Lookup  // by which contacts can be found
	Unknown   string             // a well-formed id that the CRM does not have, of either kind
	Foreign   string             // a contact's id that this tenant must not see; "" if there is none
	Ambiguous *Ambiguous         // nil if there is none

	// Swap makes the CRM answer for another value than was asked for, where a
	// look-up sends it in several forms. nil: [Swap].
	Swap func(asked, other string) Fault

	// FindCalls is how many calls a look-up by so many values costs. nil: one.
	FindCalls func(values int) int
}

// Ambiguous is a value that more than one contact carries.
type Ambiguous struct {
	By       upstream.Lookup
	Value    string
	Contacts int // how many
}

// TestCRM holds the CRMs that open answers to the contract of [upstream.CRM].
func TestCRM(t *testing.T, open func(t testing.TB) CRMCase) {
	check := func(name string, f func(*testing.T, CRMCase)) {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := open(t)
				if len(c.Contacts) < 3 || len(c.Accounts) < 3 || len(c.Lookups) == 0 || c.Unknown == "" || c.Faults == nil {
					t.Fatal("the case lacks contacts, accounts, lookups, an unknown id or faults")
				}
				for _, by := range c.Lookups {
					if len(c.values(by)) < 2 {
						t.Fatalf("by %s: the case lacks contacts", by)
					}
				}
				f(t, c)
			})
		})
	}
	check("contacts", func(t *testing.T, c CRMCase) {
		testByID(t, c, upstream.OpContacts, c.Contacts, contactID, c.CRM.Contacts)
	})
	check("accounts", func(t *testing.T, c CRMCase) {
		testByID(t, c, upstream.OpAccounts, c.Accounts, accountID, c.CRM.Accounts)
	})
	check("find", testFind)
	check("find nothing", testFindNothing)
	check("foreign", testForeign)
	t.Run("faults", func(t *testing.T) {
		testFaults(t, func(t *testing.T) opened { return open(t).opened() })
	})
	check("wrong contact", func(t *testing.T, c CRMCase) { testWrong(t, c, c.Contacts, contactID, c.CRM.Contacts) })
	check("wrong account", func(t *testing.T, c CRMCase) { testWrong(t, c, c.Accounts, accountID, c.CRM.Accounts) })
	check("wrong find", testWrongFind)
}

func contactID(c upstream.Contact) string { return c.ID }
func accountID(a upstream.Account) string { return a.ID }

// opened returns the case as the checks of faults take it.
func (c CRMCase) opened() opened {
	contacts, accounts := []string{c.Contacts[0].ID, c.Contacts[1].ID}, []string{c.Accounts[0].ID, c.Accounts[1].ID}
	read := func(ids []string) func(context.Context) error {
		return func(ctx context.Context) error { _, err := c.CRM.Contacts(ctx, ids); return err }
	}
	readAccounts := func(ids []string) func(context.Context) error {
		return func(ctx context.Context) error { _, err := c.CRM.Accounts(ctx, ids); return err }
	}
	o := opened{connector: c.CRM, faults: c.Faults, operations: []operation{
		{"contact", upstream.OpContacts, read(contacts[:1])},
		{"contacts", upstream.OpContacts, read(contacts)},
		{"account", upstream.OpAccounts, readAccounts(accounts[:1])},
		{"accounts", upstream.OpAccounts, readAccounts(accounts)},
	}}
	for _, by := range c.Lookups {
		o.operations = append(o.operations, operation{"find by " + string(by), upstream.OpFind, func(ctx context.Context) error {
			_, err := c.CRM.FindContacts(ctx, by, c.values(by)[:1])
			return err
		}})
	}
	return o
}

// all is what the CRM says, by every read that there is.
func (c CRMCase) all(ctx context.Context) (all []any) {
	note := func(v any, err error) { all = append(all, v, upstream.KindOf(err)) }
	var contacts, accounts []string
	for _, k := range c.Contacts {
		contacts = append(contacts, k.ID)
	}
	for _, a := range c.Accounts {
		accounts = append(accounts, a.ID)
	}
	for _, ids := range [][]string{contacts, contacts[:1]} {
		found, err := c.CRM.Contacts(ctx, ids)
		note(found, err)
	}
	for _, ids := range [][]string{accounts, accounts[:1]} {
		found, err := c.CRM.Accounts(ctx, ids)
		note(found, err)
	}
	for _, by := range c.Lookups {
		found, err := c.CRM.FindContacts(ctx, by, c.values(by))
		note(found, err)
	}
	return all
}

// testByID reads one, some, the most that go at once, and more.
func testByID[T any](t *testing.T, c CRMCase, op upstream.Op, known []T, id func(T) string, read func(context.Context, []string) (map[string]T, error)) {
	all := make(map[string]T, len(known))
	var asked []string
	for _, r := range known {
		all[id(r)] = r
		asked = append(asked, id(r))
	}
	unknown := func(n int) (ids []string) {
		for i := range n {
			ids = append(ids, fmt.Sprintf("%.50s-%d", c.Unknown, i))
		}
		return ids
	}
	tests := []struct {
		name  string
		ids   []string
		want  map[string]T
		calls int // at most
	}{
		{"none", nil, nil, 0},
		{"one", asked[:1], map[string]T{asked[0]: known[0]}, 1},
		{"one unknown", []string{c.Unknown}, nil, 1},
		{"all", asked, all, 1},
		{"twice", append(asked[:1:1], asked...), all, 1},
		{"with unknown", append(unknown(2), asked...), all, 1},
		{"a full batch", append(unknown(upstream.MaxBatch-len(asked)), asked...), all, 1},
		{"more than a batch", append(unknown(upstream.MaxBatch), asked...), all, 2},
		{"two ids in one", []string{asked[0] + "," + asked[1], asked[2]}, map[string]T{asked[2]: known[2]}, 2},
		{"odd", append(oddIDs(), asked[0]), map[string]T{asked[0]: known[0]}, len(oddIDs()) + 1},
	}
	for _, tt := range tests {
		c.Faults.Calls()
		got, err := read(t.Context(), tt.ids)
		if diff := cmp.Diff(tt.want, got); err != nil || diff != "" && len(tt.want)+len(got) > 0 {
			t.Errorf("%s: %v (-want +got):\n%s", tt.name, err, diff)
		}
		if n := len(c.Faults.Calls()); n > tt.calls {
			t.Errorf("%s: %d calls, want at most %d", tt.name, n, tt.calls)
		}
		for _, r := range got {
			checkJSON(t, r)
		}
	}
	for _, odd := range append(oddIDs(), c.Unknown) {
		for range 2 {
			if got, err := read(t.Context(), []string{odd}); err != nil || len(got) != 0 {
				t.Errorf("%.20q: %d records, error %v", odd, len(got), err)
			}
		}
	}
	if c.opened().tripped(t, op) {
		t.Error("unknown ids opened the breaker")
	}
}

// lookup returns the value by which a contact can be found.
func lookup(c upstream.Contact, by upstream.Lookup) string {
	var v *string
	switch by {
	case upstream.ByExternalRef:
		v = c.ExternalRef
	case upstream.ByEmail:
		v = c.Email
	case upstream.ByPhone:
		v = c.Phone
	}
	if v == nil {
		return ""
	}
	return *v
}

// values returns different values by which contacts can be found.
func (c CRMCase) values(by upstream.Lookup) (values []string) {
	for _, k := range c.Contacts {
		if v := lookup(k, by); v != "" && !slices.Contains(values, v) {
			values = append(values, v)
		}
	}
	return values
}

func testFind(t *testing.T, c CRMCase) {
	for _, by := range c.Lookups {
		c.Faults.Calls()
		values, calls := c.values(by), 1
		if c.FindCalls != nil {
			calls = c.FindCalls(len(values))
		}
		found, err := c.CRM.FindContacts(t.Context(), by, values)
		if n := len(c.Faults.Calls()); err != nil || n != calls {
			t.Errorf("by %s: %d calls, want %d; error %v", by, n, calls, err)
		}
		for _, k := range c.Contacts {
			v := lookup(k, by)
			if v == "" {
				continue
			}
			n := 0
			for _, got := range found[v] {
				if got.ID == k.ID {
					n++
					if diff := cmp.Diff(k, got); diff != "" {
						t.Errorf("by %s: %s (-want +got):\n%s", by, k.ID, diff)
					}
				}
			}
			if n != 1 {
				t.Errorf("by %s: contact %s found %d times", by, k.ID, n)
			}
		}
	}
	if a := c.Ambiguous; a != nil {
		found, err := c.CRM.FindContacts(t.Context(), a.By, []string{a.Value})
		if got := len(found[a.Value]); err != nil || got != a.Contacts {
			t.Errorf("by %s, ambiguous: %d contacts, want %d; error %v", a.By, got, a.Contacts, err)
		}
	}
}

// testFindNothing searches by values that nobody carries.
func testFindNothing(t *testing.T, c CRMCase) {
	for _, by := range c.Lookups {
		two := strings.Join(c.values(by)[:2], ",")
		for _, v := range []string{"", c.Unknown + "@nobody.invalid", two, strings.Repeat("9", 5000)} {
			found, err := c.CRM.FindContacts(t.Context(), by, []string{v})
			if err != nil || len(found) != 0 {
				t.Errorf("by %s %.30q: %d found, error %v", by, v, len(found), err)
			}
		}
	}
	if c.opened().tripped(t, upstream.OpFind) {
		t.Error("searches without a match opened the breaker")
	}
}

func testForeign(t *testing.T, c CRMCase) {
	if c.Foreign == "" {
		t.Skip("the case has no contact of another tenant")
	}
	for _, ids := range [][]string{{c.Foreign}, {c.Foreign, c.Contacts[0].ID}} {
		got, _ := c.CRM.Contacts(t.Context(), ids)
		if _, leaked := got[c.Foreign]; leaked {
			t.Errorf("asked for %d: a contact of another tenant", len(ids))
		}
	}
}

// testWrong lets the CRM answer with another record than it was asked for,
// alone and among good ones.
func testWrong[T any](t *testing.T, c CRMCase, known []T, id func(T) string, read func(context.Context, []string) (map[string]T, error)) {
	asked, other, good := id(known[0]), id(known[1]), id(known[2])
	c.Faults.Set(Swap(asked, other))
	got, err := read(t.Context(), []string{asked})
	checkError(t, err, upstream.WrongRecord)
	if len(got) != 0 {
		t.Errorf("%d records for a wrong answer", len(got))
	}
	got, err = read(t.Context(), []string{asked, good})
	checkError(t, err, upstream.WrongRecord)
	if diff := cmp.Diff(map[string]T{good: known[2]}, got); diff != "" {
		t.Errorf("beside a wrong record (-want +got):\n%s", diff)
	}
}

func (c CRMCase) swap(asked, other string) Fault {
	if c.Swap != nil {
		return c.Swap(asked, other)
	}
	return Swap(asked, other)
}

func testWrongFind(t *testing.T, c CRMCase) {
	for _, by := range c.Lookups {
		asked, other := c.values(by)[0], c.values(by)[1]
		c.Faults.Set(c.swap(asked, other))
		got, err := c.CRM.FindContacts(t.Context(), by, []string{asked})
		checkError(t, err, upstream.WrongRecord)
		if len(got) != 0 {
			t.Errorf("by %s: %d values found with a wrong answer", by, len(got))
		}
	}
}
