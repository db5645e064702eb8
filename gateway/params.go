package gateway

import (
	"slices"
	"strconv"

	"github.com/weft-gateway/weft/enrich"
	"github.com/weft-gateway/weft/upstream"
)

// The limits of parameters, in characters where nothing else is said.
const (
	defaultPerPage = 15 // rows
	maxPerPage     = 100
	maxID          = 64
	maxPhone       = 32
	maxReference   = 256
	maxCursor      = 4096
)

// parseRead reads the parameters of a single read. What is required is included.
func parseRead(raw string) (enrich.Request, error) {
	if raw == "" {
		return enrich.Request{Include: everyPart()}, nil
	}
	var r enrich.Request
	err := parseQuery(raw, func(name, value string) (ok bool) {
		switch name {
		case "include":
			r.Include, ok = words(value, enrich.PartMessages, enrich.PartContact, enrich.PartAccount, enrich.PartAttentionItems)
		case "require":
			r.Require, ok = words(value, enrich.PartContact, enrich.PartAccount)
		}
		return ok
	})
	if err != nil {
		return enrich.Request{}, err
	}
	if r.Include == nil {
		r.Include = everyPart()
	}
	for _, p := range r.Require {
		if !slices.Contains(r.Include, p) {
			r.Include = append(r.Include, p)
		}
	}
	return r, nil
}

func everyPart() []enrich.Part {
	return []enrich.Part{enrich.PartMessages, enrich.PartContact, enrich.PartAccount, enrich.PartAttentionItems}
}

// parseList reads the parameters of a list.
func parseList(raw string) (enrich.ListRequest, error) {
	filters := make(map[upstream.Filter]string)
	r := enrich.ListRequest{Filters: filters, PerPage: defaultPerPage, Include: []enrich.Part{enrich.PartContact, enrich.PartAccount}}
	err := parseQuery(raw, func(name, value string) (ok bool) {
		switch name {
		case "per_page":
			r.PerPage, ok = perPage(value)
		case "cursor":
			r.Cursor, ok = value, text(value, maxCursor)
		case "include":
			r.Include, ok = words(value, enrich.PartContact, enrich.PartAccount)
		default:
			if ok = goodFilter(upstream.Filter(name), value); ok {
				filters[upstream.Filter(name)] = value
			}
		}
		return ok
	})
	if err != nil {
		return enrich.ListRequest{}, err
	}
	return r, nil
}

// goodFilter reports whether there is such a filter and it can have the value.
// Whether the tenant's store can answer it is not known here.
func goodFilter(f upstream.Filter, value string) bool {
	switch f {
	case upstream.FilterAssistant:
		return wordy(value)
	case upstream.FilterCustomerPhone, upstream.FilterWhatsappSender:
		return text(value, maxPhone)
	case upstream.FilterExternalIdentifier:
		return text(value, maxReference)
	case upstream.FilterType, upstream.FilterWorkspace, upstream.FilterContact:
		return text(value, maxID)
	case upstream.FilterStatus:
		switch upstream.Status(value) {
		case upstream.StatusNew, upstream.StatusActive, upstream.StatusHumanManaged, upstream.StatusWaiting, upstream.StatusResolved:
			return true
		}
	}
	return false
}

// perPage reads a number in the one way to write it: no sign, no leading zero.
func perPage(s string) (int, bool) {
	n, err := strconv.Atoi(s)
	return n, err == nil && n >= 1 && n <= maxPerPage && strconv.Itoa(n) == s
}
