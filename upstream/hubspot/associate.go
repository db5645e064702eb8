package hubspot

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	"github.com/weft-gateway/weft/upstream"
	"github.com/weft-gateway/weft/upstream/client"
)

const (
	maxAssociations = 1000 // contacts in one call
	primaryCompany  = 1    // the type of the association of a contact with its primary company
)

// associate finds the company of the contacts that name none: they may belong
// to companies of which none is the primary one. A contact about which that
// could not be learned is left out, since without a company it would be another.
func (c *CRM) associate(ctx context.Context, list []upstream.Contact) ([]upstream.Contact, error) {
	var ids []string
	for _, t := range list {
		if t.AccountID == nil && !slices.Contains(ids, t.ID) {
			ids = append(ids, t.ID)
		}
	}
	companies := make(map[string][]string) // contact -> companies; known, if only as none
	var first error
	for chunk := range slices.Chunk(ids, maxAssociations) {
		got, err := c.companies(ctx, chunk)
		for _, id := range chunk {
			if of, ok := got[id]; ok || err == nil {
				companies[id] = of
			}
		}
		if first == nil {
			first = err
		}
	}
	whole := list[:0]
	for _, t := range list {
		of, known := companies[t.ID]
		if t.AccountID == nil && !known {
			continue
		}
		if t.AccountID == nil && len(of) > 0 {
			t.AccountID, t.AccountIDs = &of[0], of
		}
		whole = append(whole, t)
	}
	return whole, first
}

// companies asks to which companies contacts belong: contact -> companies, the
// primary one first.
func (c *CRM) companies(ctx context.Context, ids []string) (map[string][]string, error) {
	body, err := json.Marshal(struct {
		Inputs []input `json:"inputs"`
	}{inputs(ids)})
	if err != nil {
		return nil, err
	}
	call := client.Call{
		Op: upstream.OpAssociations, Post: body,
		Path: []string{"crm", "v4", "associations", "contacts", "companies", "batch", "read"},
	}
	return client.Fetch(ctx, c.client, call, func(r client.Reply) (map[string][]string, error) {
		return readCompanies(r, ids)
	})
}

func readCompanies(r client.Reply, asked []string) (map[string][]string, error) {
	answer, bad := readAnswer(r)
	if answer == nil {
		return nil, bad
	}
	out := make(map[string][]string)
	for _, raw := range answer.List("results") {
		f := upstream.ReadFields(raw)
		from, ok := f.Object("from").ID("id")
		if from == nil || !ok {
			return nil, errors.New("an association has no contact")
		}
		if !slices.Contains(asked, *from) {
			bad = upstream.WrongRecord
			continue
		}
		companies, err := readTo(f.List("to"))
		if err != nil {
			return nil, err
		}
		out[*from] = companies
	}
	return out, bad
}

// readTo lists the companies of a contact.
func readTo(list []json.RawMessage) (ids []string, err error) {
	for _, raw := range list {
		to := upstream.ReadFields(raw)
		id, ok := to.ID("toObjectId")
		switch {
		case id == nil || !ok || !isID(*id):
			return nil, errors.New("an association has no company")
		case slices.Contains(ids, *id):
		case slices.ContainsFunc(to.List("associationTypes"), isPrimary):
			ids = slices.Insert(ids, 0, *id)
		default:
			ids = append(ids, *id)
		}
	}
	return ids, nil
}

func isPrimary(raw json.RawMessage) bool {
	f := upstream.ReadFields(raw)
	category, kind := f.Text("category"), f.Count("typeId")
	return category != nil && *category == "HUBSPOT_DEFINED" && kind != nil && *kind == primaryCompany
}
