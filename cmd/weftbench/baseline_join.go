package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gorilla/mux"
	"golang.org/x/sync/errgroup"
)

// serveJoin is baseline c: what one would write by hand for a native store and a
// CRM, in parallel where that is possible, and without cache, breaker or keys.
func serveJoin(ctx context.Context, args []string, stdout io.Writer) error {
	flags := flag.NewFlagSet("weftbench serve-c", flag.ContinueOnError)
	sources := flags.String("sources", "", "`URL` below which store and CRM are")
	if help, err := parse(flags, args, stdout); help || err != nil {
		return err
	}
	return serve(ctx, stdout, joinHandler(*sources))
}

func joinHandler(sources string) http.Handler {
	transport := &http.Transport{MaxIdleConnsPerHost: 256} // the default of two would dial again and again
	j := joiner{client: &http.Client{Transport: transport, Timeout: 3 * time.Second}, store: sources + "/store", crm: sources + "/crm"}
	r := mux.NewRouter()
	r.HandleFunc(route, j.document).Methods(http.MethodGet)
	r.HandleFunc("/api/conversations", j.page).Methods(http.MethodGet)
	return r
}

// joiner asks the sources.
type joiner struct {
	client     *http.Client
	store, crm string
}

func (j joiner) document(w http.ResponseWriter, r *http.Request) {
	id := mux.Vars(r)["id"]
	var conversation, messages, attention, contact, account json.RawMessage
	g, ctx := errgroup.WithContext(r.Context())
	g.Go(func() (err error) { messages, err = j.list(ctx, j.store+"/conversations/"+id+"/messages"); return err })
	g.Go(func() (err error) {
		attention, err = j.list(ctx, j.store+"/conversations/"+id+"/attention-items")
		return err
	})
	g.Go(func() (err error) {
		if conversation, err = j.get(ctx, j.store+"/conversations/"+id); err != nil {
			return err
		}
		var link struct{ ContactID, AccountID string }
		if err := json.Unmarshal(conversation, &link); err != nil {
			return fmt.Errorf("conversation: %w", err)
		}
		g.Go(func() (err error) { contact, err = j.get(ctx, j.crm+"/contacts/"+link.ContactID); return err })
		g.Go(func() (err error) { account, err = j.get(ctx, j.crm+"/accounts/"+link.AccountID); return err })
		return nil
	})
	if err := g.Wait(); err != nil {
		http.Error(w, "upstream", http.StatusBadGateway)
		return
	}
	document := map[string]json.RawMessage{}
	err := json.Unmarshal(conversation, &document)
	document["messages"], document["attentionItems"] = messages, attention
	document["contact"], document["account"] = contact, account
	body, errEncode := json.Marshal(document)
	if err != nil || errEncode != nil {
		http.Error(w, "upstream", http.StatusBadGateway)
		return
	}
	writeJSON(w, body)
}

// page is the list call and then the batches of a page, for the people that are
// not on every page, as if it knew those. It does not join them: it is there for
// the time that the calls take.
func (j joiner) page(w http.ResponseWriter, r *http.Request) {
	rows, err := j.list(r.Context(), j.store+"/conversations?"+r.URL.RawQuery)
	var links []struct{ ContactID, AccountID string }
	if err == nil {
		err = json.Unmarshal(rows, &links)
	}
	if err != nil || len(links) < listKnown {
		http.Error(w, "upstream", http.StatusBadGateway)
		return
	}
	var contacts, accounts []string
	for _, l := range links[listKnown:] {
		contacts, accounts = append(contacts, l.ContactID), append(accounts, l.AccountID)
	}
	batches := make([]json.RawMessage, 2)
	g, ctx := errgroup.WithContext(r.Context())
	g.Go(func() (err error) {
		batches[0], err = j.list(ctx, j.crm+"/contacts?ids="+strings.Join(contacts, ","))
		return err
	})
	g.Go(func() (err error) {
		batches[1], err = j.list(ctx, j.crm+"/accounts?ids="+strings.Join(accounts, ","))
		return err
	})
	if err := g.Wait(); err != nil {
		http.Error(w, "upstream", http.StatusBadGateway)
		return
	}
	writeJSON(w, slices.Concat([]byte(`{"data":`), rows, []byte(`,"contacts":`), batches[0], []byte(`,"accounts":`), batches[1], []byte("}")))
}

// list takes a list out of its envelope.
func (j joiner) list(ctx context.Context, url string) (json.RawMessage, error) {
	body, err := j.get(ctx, url)
	if err != nil {
		return nil, err
	}
	var envelope struct{ Data json.RawMessage }
	err = json.Unmarshal(body, &envelope)
	return envelope.Data, err
}

func (j joiner) get(ctx context.Context, url string) (json.RawMessage, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil) //nolint:gosec // of sources of ours, on loopback
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+sourceToken)
	resp, err := j.client.Do(req) //nolint:gosec // the same
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s", resp.Status)
	}
	return io.ReadAll(resp.Body)
}
