package main

import (
	"context"
	"encoding/json"
	"flag"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"time"
)

const (
	benchTenant = "bench"
	sourceToken = "token-of-the-sources" //nolint:gosec // of no source but ours
)

// serveSources is a native store and a CRM that know every id, and answer from
// bytes that are there before: the sandbox, which encodes each answer, would
// take more of the machine than what is measured.
func serveSources(ctx context.Context, args []string, stdout io.Writer) error {
	flags := flag.NewFlagSet("weftbench sources", flag.ContinueOnError)
	store := flags.Duration("store", 0, "the store's `time` for an answer")
	crm := flags.Duration("crm", 0, "the CRM's `time` for an answer")
	if help, err := parse(flags, args, stdout); help || err != nil {
		return err
	}
	return serve(ctx, stdout, newSources(*store, *crm))
}

// sources answers below /store and /crm.
type sources struct {
	http.Handler
	calls map[string]*atomic.Int64
}

func newSources(store, crm time.Duration) *sources {
	mux := http.NewServeMux()
	s := &sources{Handler: mux, calls: map[string]*atomic.Int64{}}
	add := func(pattern, op string, wait time.Duration, answer func(*http.Request) []byte) {
		n := new(atomic.Int64)
		s.calls[op] = n
		mux.HandleFunc("GET "+pattern, func(w http.ResponseWriter, r *http.Request) {
			n.Add(1)
			time.Sleep(wait)
			writeJSON(w, answer(r))
		})
	}
	conversation, messages := conversationTemplate(), threadTemplate()
	attention, contact, account := attentionTemplate(), contactTemplate(), accountTemplate()
	byID := func(t template) func(*http.Request) []byte {
		return func(r *http.Request) []byte { return t.fill(nil, number(r.PathValue("id"))) }
	}
	byIDs := func(t template) func(*http.Request) []byte {
		return func(r *http.Request) []byte { return list(t, numbers(r.URL.Query().Get("ids"))) }
	}
	add("/store/conversations/{id}", "conversation", store, byID(conversation))
	add("/store/conversations/{id}/messages", "messages", store, byID(messages))
	add("/store/conversations/{id}/attention-items", "attention", store, byID(attention))
	add("/store/conversations", "list", store, func(r *http.Request) []byte {
		return list(conversation, page(r.URL.Query().Get("external_identifier")))
	})
	add("/crm/contacts/{id}", "contact", crm, byID(contact))
	add("/crm/accounts/{id}", "account", crm, byID(account))
	add("/crm/contacts", "contacts", crm, byIDs(contact))
	add("/crm/accounts", "accounts", crm, byIDs(account))
	mux.HandleFunc("GET /calls", func(w http.ResponseWriter, _ *http.Request) {
		made := map[string]int64{}
		for op, n := range s.calls {
			made[op] = n.Load()
		}
		body, _ := json.Marshal(made) //nolint:errchkjson // of numbers
		writeJSON(w, body)
	})
	return s
}

// number is what an id ends in. Each conversation has a contact and an account
// of its own, with the same number.
func number(id string) string { return id[strings.LastIndexByte(id, '-')+1:] }

func numbers(ids string) []string {
	var all []string
	for id := range strings.SplitSeq(ids, ",") {
		all = append(all, number(id))
	}
	return all
}

// list is an answer with the records of these numbers.
func list(t template, numbers []string) []byte {
	b := []byte(`{"data":[`)
	for i, n := range numbers {
		if i > 0 {
			b = append(b, ',')
		}
		b = t.fill(b, n)
	}
	return append(b, `],"nextCursor":null,"prevCursor":null}`...)
}
