package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"
)

// start serves a handler, and returns the root of its URLs.
func start(t *testing.T, h http.Handler) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

func get(t *testing.T, url string) (status int, body []byte) {
	t.Helper()
	c := newClient()
	defer c.CloseIdleConnections()
	resp, err := c.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err = io.ReadAll(resp.Body); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, body
}

func TestBytes(t *testing.T) {
	status, body := get(t, start(t, bytesHandler([]byte(`{"a":1}`)))+document(7))
	if status != http.StatusOK || string(body) != `{"a":1}` {
		t.Errorf("%d %s", status, body)
	}
}

func TestRedisBaseline(t *testing.T) {
	server := miniredis.RunT(t)
	client := redis.NewClient(&redis.Options{Addr: server.Addr()})
	t.Cleanup(func() { client.Close() })
	root := start(t, redisHandler(client))
	if err := server.Set("conv-000000000007", `{"a":7}`); err != nil {
		t.Fatal(err)
	}
	if status, body := get(t, root+document(7)); status != http.StatusOK || string(body) != `{"a":7}` {
		t.Errorf("%d %s", status, body)
	}
	if status, _ := get(t, root+document(8)); status != http.StatusNotFound {
		t.Errorf("of an unknown id: %d", status)
	}
	server.SetError("gone")
	if status, _ := get(t, root+document(7)); status != http.StatusServiceUnavailable {
		t.Errorf("without Redis: %d", status)
	}
}

// The program that is written by hand has to do the same work as the gateway,
// or it would be no yardstick.
func TestJoin(t *testing.T) {
	sources := newSources(0, 0)
	status, body := get(t, start(t, joinHandler(start(t, sources)))+document(7))
	if status != http.StatusOK {
		t.Fatalf("%d %s", status, body)
	}
	var got struct {
		ID                             string
		Contact, Account               struct{ ID string }
		Messages, AttentionItems       []struct{ ID string }
		Status, ContactID, WorkspaceID string
	}
	if err := json.Unmarshal(body, &got); err != nil {
		t.Fatal(err)
	}
	ids := []string{got.ID, got.Contact.ID, got.Account.ID, got.ContactID, got.AttentionItems[0].ID, got.WorkspaceID}
	if diff := cmp.Diff([]string{"conv-000000000007", "contact-000000000007", "account-000000000007", "contact-000000000007", "att-000000000007", "ws-1"}, ids); diff != "" {
		t.Errorf("ids (-want +got):\n%s", diff)
	}
	if len(got.Messages) != 14 || len(body) < 6500 || len(body) > 8000 {
		t.Errorf("%d messages, %d bytes; want 14 and some 7,000", len(got.Messages), len(body))
	}
	for op, want := range map[string]int64{"conversation": 1, "messages": 1, "attention": 1, "contact": 1, "account": 1, "list": 0} {
		if n := sources.calls[op].Load(); n != want {
			t.Errorf("%d calls of %s, want %d", n, op, want)
		}
	}
}

// A page by hand asks for the people whom not every page has, each kind once.
func TestJoinOfPage(t *testing.T) {
	sources := newSources(0, 0)
	status, body := get(t, start(t, joinHandler(start(t, sources)))+listPath+"row-000000000003")
	var got struct{ Data, Contacts, Accounts []struct{ ID string } }
	if err := json.Unmarshal(body, &got); err != nil || status != http.StatusOK {
		t.Fatalf("%d %v", status, err)
	}
	counts := []int{len(got.Data), len(got.Contacts), len(got.Accounts)}
	for _, op := range []string{"list", "contacts", "accounts"} {
		counts = append(counts, int(sources.calls[op].Load()))
	}
	if diff := cmp.Diff([]int{listRows, listRows - listKnown, listRows - listKnown, 1, 1, 1}, counts); diff != "" {
		t.Errorf("rows and calls (-want +got):\n%s", diff)
	}
	for i, c := range got.Contacts {
		if number(c.ID) != number(got.Data[listKnown+i].ID) {
			t.Errorf("contact %d is %s", i, c.ID)
		}
	}
}

func TestJoinWithoutSources(t *testing.T) {
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	if status, _ := get(t, start(t, joinHandler(gone.URL))+document(7)); status != http.StatusBadGateway {
		t.Errorf("status = %d, want 502", status)
	}
}

// Pages share the people of most of their rows, or of none.
func TestListOfSources(t *testing.T) {
	root := start(t, newSources(0, 0))
	rows := func(filter string) (ids []string) {
		_, body := get(t, root+"/store/conversations?external_identifier="+filter)
		var list struct {
			Data []struct{ ID, ContactID string }
		}
		if err := json.Unmarshal(body, &list); err != nil {
			t.Fatal(err)
		}
		for _, r := range list.Data {
			if number(r.ID) != number(r.ContactID) {
				t.Errorf("%s has %s", r.ID, r.ContactID)
			}
			ids = append(ids, r.ID)
		}
		return ids
	}
	tests := []struct {
		name     string
		one, two string
		common   int
	}{
		{"known people", "row-000000000001", "row-000000000002", listKnown},
		{"new people", "new-000000000001", "new-000000000002", 0},
		{"the same page", "row-000000000001", "row-000000000001", listRows},
	}
	for _, tt := range tests {
		seen, common := map[string]bool{}, 0
		for _, id := range rows(tt.one) {
			seen[id] = true
		}
		two := rows(tt.two)
		for _, id := range two {
			if seen[id] {
				common++
			}
		}
		if len(seen) != listRows || len(two) != listRows || common != tt.common {
			t.Errorf("%s: %d and %d rows, %d in common; want %d, %d and %d", tt.name, len(seen), len(two), common, listRows, listRows, tt.common)
		}
	}
	_, body := get(t, root+"/crm/contacts?ids=contact-1,contact-2")
	if got := string(body); !strings.Contains(got, `"id":"contact-1"`) || !strings.Contains(got, `"id":"contact-2"`) {
		t.Errorf("batch = %s", got)
	}
}

// Each command says where it serves, and ends with its context.
func TestServe(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	r, w := io.Pipe()
	done := make(chan error, 1)
	go func() { done <- run(ctx, []string{"sources"}, func(string) string { return "" }, w) }()
	line := make([]byte, 256)
	n, err := r.Read(line)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(line[:n]), "ops on ")
	p := &process{name: "sources", client: newClient(), ops: strings.TrimSpace(rest)}
	if v, err := p.metric(ctx, "go_memstats_mallocs_total"); err != nil || v <= 0 {
		t.Errorf("mallocs = %v, %v", v, err)
	}
	p.client.CloseIdleConnections()
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
