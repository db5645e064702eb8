package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// dial is what the sandbox is told to do wrong, in the words of its /dials.
type dial map[string]any

// turn sets a dial.
func (w *world) turn(ctx context.Context, d dial) error {
	body, err := json.Marshal(d)
	if err != nil {
		return fmt.Errorf("dial: %w", err)
	}
	if _, err := fetch(ctx, http.MethodPost, w.boxURL+"/dials", "", bytes.NewReader(body)); err != nil {
		return fmt.Errorf("dial %s: %w", body, err)
	}
	return nil
}

// mend takes all dials off.
func (w *world) mend(ctx context.Context) error {
	if _, err := fetch(ctx, http.MethodDelete, w.boxURL+"/dials", "", nil); err != nil {
		return fmt.Errorf("dials: %w", err)
	}
	return nil
}

// counts are what the sandbox was asked: service -> operation -> calls, and
// service -> operation -> record -> calls.
type counts struct {
	Calls map[string]map[string]int
	Keys  map[string]map[string]map[string]int
}

func (w *world) counts(ctx context.Context) (c counts, err error) {
	text, err := fetch(ctx, http.MethodGet, w.boxURL+"/calls?keys", "", nil)
	if err != nil {
		return c, fmt.Errorf("calls: %w", err)
	}
	if err := json.Unmarshal(text, &c); err != nil {
		return c, fmt.Errorf("calls: %w", err)
	}
	return c, nil
}

// target is a conversation that is asked for.
type target struct {
	key, tenant, id string
	contact         string // the id of its contact; "": as the first answer has it
}

// targets finds the conversations that have a contact in the CRM, in the stores
// themselves, so that no gateway hears of them.
func (w *world) targets(ctx context.Context) ([]target, error) {
	var all []target
	for _, t := range tenants() {
		path := map[string]string{"autocalls": "/autocalls/api/user/conversations", "native": "/native/conversations"}[t.Store]
		text, err := fetch(ctx, http.MethodGet, w.boxURL+path+"?per_page=100", t.StoreToken, nil)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", t.Store, err)
		}
		var page struct{ Data []row }
		if err := json.Unmarshal(text, &page); err != nil {
			return nil, fmt.Errorf("%s: %w", t.Store, err)
		}
		for _, r := range page.Data {
			if r.linked() {
				all = append(all, target{key: keyOf(t.ID), tenant: t.ID, id: r.ID, contact: r.ContactID})
			}
		}
	}
	slices.SortFunc(all, func(a, b target) int { return strings.Compare(a.id, b.id) })
	return all, nil
}

// row is what either store lists of a conversation.
type row struct {
	ID         string
	ContactID  string          // native
	AccountID  string          // native
	ExternalID string          `json:"external_identifier"` // autocalls
	Variables  json.RawMessage // autocalls
}

// linked reports whether the conversation is sure to have a contact. Those of
// the sandbox's that try out the rules of linking are not.
func (r row) linked() bool {
	return !strings.HasPrefix(r.ID, "5b1f0c9e-") && (r.ContactID != "" && r.AccountID != "" || strings.HasPrefix(r.ExternalID, "crm-lead-2") || bytes.Contains(r.Variables, []byte("crm_contact_id")))
}
