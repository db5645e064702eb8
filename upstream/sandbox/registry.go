package sandbox

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// contact is a person as the CRM sends it.
type contact struct {
	ID               string  `json:"id"`
	TenantID         string  `json:"tenantId"`
	AccountID        *string `json:"accountId"`
	ExternalRef      *string `json:"externalRef"`
	ResolutionStatus string  `json:"resolutionStatus"`
	FirstName        *string `json:"firstName"`
	LastName         *string `json:"lastName"`
	Email            *string `json:"email"`
	Phone            *string `json:"phone"`
	CompanyName      *string `json:"companyName"`
	CreatedAt        string  `json:"createdAt"`
	UpdatedAt        string  `json:"updatedAt"`

	Name           *string        `json:"name,omitempty"`
	Title          *string        `json:"title,omitempty"`
	Department     *string        `json:"department,omitempty"`
	Emails         []entry        `json:"emails,omitempty"`
	Phones         []entry        `json:"phones,omitempty"`
	OwnerID        *string        `json:"ownerId,omitempty"`
	OwnerName      *string        `json:"ownerName,omitempty"`
	LifecycleStage *string        `json:"lifecycleStage,omitempty"`
	Tags           []string       `json:"tags,omitempty"`
	Timezone       *string        `json:"timezone,omitempty"`
	Language       *string        `json:"language,omitempty"`
	LastActivityAt *string        `json:"lastActivityAt,omitempty"`
	Address        *address       `json:"address,omitempty"`
	Archived       *bool          `json:"archived,omitempty"`
	URL            *string        `json:"url,omitempty"`
	Custom         map[string]any `json:"custom,omitempty"`

	// InternalNote is a field that no contract knows, as every CRM has some.
	InternalNote *string `json:"internalNote,omitempty"`
}

// account is a company as the CRM sends it.
type account struct {
	ID               string  `json:"id"`
	TenantID         string  `json:"tenantId"`
	Name             *string `json:"name"`
	ResolutionStatus string  `json:"resolutionStatus"`
	ExternalRef      *string `json:"externalRef"`
	EmailDomain      *string `json:"emailDomain"`
	VATNumber        *string `json:"vatNumber"`
	VATValid         *bool   `json:"vatValid"`
	Country          *string `json:"country"`
	Phone            *string `json:"phone"`
	Website          *string `json:"website"`
	CompanyType      *string `json:"companyType"`
	CreatedAt        string  `json:"createdAt"`
	UpdatedAt        string  `json:"updatedAt"`

	Domain         *string        `json:"domain,omitempty"`
	Description    *string        `json:"description,omitempty"`
	Industry       *string        `json:"industry,omitempty"`
	Employees      *int           `json:"employees,omitempty"`
	AnnualRevenue  *money         `json:"annualRevenue,omitempty"`
	OwnerID        *string        `json:"ownerId,omitempty"`
	OwnerName      *string        `json:"ownerName,omitempty"`
	LifecycleStage *string        `json:"lifecycleStage,omitempty"`
	LastActivityAt *string        `json:"lastActivityAt,omitempty"`
	Address        *address       `json:"address,omitempty"`
	URL            *string        `json:"url,omitempty"`
	Custom         map[string]any `json:"custom,omitempty"`
}

// entry is one of several addresses or numbers.
type entry struct {
	Value   string  `json:"value"`
	Type    *string `json:"type"`
	Primary bool    `json:"primary"`
}

// address is where somebody is.
type address struct {
	Street     string `json:"street"`
	City       string `json:"city"`
	State      string `json:"state,omitempty"`
	PostalCode string `json:"postalCode"`
	Country    string `json:"country"`
}

type money struct {
	Amount   float64 `json:"amount"`
	Currency string  `json:"currency"`
}

// has reports whether the contact carries one of the values, which are plain.
func (c contact) has(by string, want map[string]bool) bool {
	have := map[string]*string{"phone": c.Phone, "email": c.Email, "externalRef": c.ExternalRef}[by]
	return have != nil && want[plain(by, *have)]
}

// plain is a value as the CRM compares it.
func plain(by, value string) string {
	switch by {
	case "email":
		return strings.ToLower(value)
	case "phone":
		return strings.Map(func(r rune) rune {
			if r == '+' || (r >= '0' && r <= '9') {
				return r
			}
			return -1
		}, value)
	}
	return value
}

// registry holds the records of the CRM, each tenant's apart.
type registry struct {
	contacts map[string]*shelf[contact] // tenant -> its contacts
	accounts map[string]*shelf[account] // tenant -> its accounts
}

func newRegistry(all []Tenant) *registry {
	r := &registry{contacts: map[string]*shelf[contact]{}, accounts: map[string]*shelf[account]{}}
	for _, t := range all {
		r.contacts[t.ID] = &shelf[contact]{records: map[string]contact{}}
		r.accounts[t.ID] = &shelf[account]{records: map[string]account{}}
	}
	return r
}

// shelf holds records of one kind. They are replaced, never changed.
type shelf[T any] struct {
	mu      sync.RWMutex
	records map[string]T // id -> record
}

// read finds the records of the ids, in their order; those that are unknown
// are left out. With wrong it finds as many others.
func (s *shelf[T]) read(ids []string, wrong bool) []T {
	s.mu.RLock()
	defer s.mu.RUnlock()
	found := []T{}
	for i, id := range ids {
		if slices.Contains(ids[:i], id) {
			continue
		}
		if wrong {
			id = s.another(ids)
		}
		if record, known := s.records[id]; known {
			found = append(found, record)
		}
	}
	return found
}

// another is an id that is not among ids. s.mu is held.
func (s *shelf[T]) another(ids []string) string {
	other := ""
	for id := range s.records {
		if (other == "" || id < other) && !slices.Contains(ids, id) {
			other = id
		}
	}
	return other
}

// matching are the records that have what is asked, by id.
func (s *shelf[T]) matching(has func(T) bool) []T {
	s.mu.RLock()
	defer s.mu.RUnlock()
	ids := []string{}
	for id, record := range s.records {
		if has(record) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return each(ids, func(id string) T { return s.records[id] })
}

// change edits a record, or a fresh one where there is none.
func (s *shelf[T]) change(id string, record T, edit func(*T) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if old, known := s.records[id]; known {
		// A copy that shares nothing: the edit may write through pointers.
		if err := json.Unmarshal(encode(old), &record); err != nil {
			return fmt.Errorf("sandbox: record: %w", err)
		}
	}
	if err := edit(&record); err != nil {
		return fmt.Errorf("sandbox: fields: %w", err)
	}
	s.records[id] = record
	return nil
}

func (s *shelf[T]) put(id string, record T) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.records[id] = record
}

func (s *shelf[T]) remove(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, known := s.records[id]
	delete(s.records, id)
	return known
}
