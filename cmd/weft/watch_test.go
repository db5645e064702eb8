package main

import (
	"context"
	"testing"

	"github.com/weft-gateway/weft/enrich"
	"github.com/weft-gateway/weft/upstream"
)

// What callers get wrong, and those who hang up, is nobody's fault.
func TestBlame(t *testing.T) {
	for _, tt := range []struct {
		name   string
		err    error
		part   enrich.Part
		reason upstream.Kind
	}{
		{"the store is down", &upstream.Error{Kind: upstream.Refused}, enrich.PartConversation, upstream.Refused},
		{"its breaker is open", &upstream.Error{Kind: upstream.BreakerOpen}, enrich.PartConversation, upstream.BreakerOpen},
		{"a required part", &enrich.PartError{Part: enrich.PartAccount}, enrich.PartAccount, ""},
		{"not found", &upstream.Error{Kind: upstream.NotFound}, "", ""},
		{"not found, of the cache", upstream.NotFound, "", ""},
		{"hung up", &upstream.Error{Kind: upstream.Canceled}, "", ""},
		{"not proved yet", &enrich.UnprovenError{}, "", ""},
		{"a bad filter", &enrich.FieldError{Field: "cursor"}, "", ""},
		{"the caller's own end", context.Canceled, "", ""},
	} {
		if part, reason := blame(tt.err); part != tt.part || reason != tt.reason {
			t.Errorf("%s: %q %q; want %q %q", tt.name, part, reason, tt.part, tt.reason)
		}
	}
}

func TestRoles(t *testing.T) {
	for part, want := range map[string]string{
		"conversation": roleStore, "messages": roleStore, "attentionItems": roleStore, "list": roleStore,
		"contact": roleCRM, "account": roleCRM, "link": roleCRM,
	} {
		if got := roleOf(part); got != want {
			t.Errorf("%s comes from the %s; want %s", part, got, want)
		}
	}
}
