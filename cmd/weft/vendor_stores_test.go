package main

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/weft-gateway/weft/upstream/upstreamtest"
)

// intercomRow is a conversation as Intercom has it.
const intercomRow = `{"id":"%s","created_at":1711324800,"updated_at":1711324800,"state":"open","source":{"type":"conversation","body":"Hello","author":{"type":"user","id":"u1","name":"Jane"}},` +
	`"conversation_parts":{"conversation_parts":[{"id":"1","part_type":"comment","body":"Is it here?","created_at":1711324800,"author":{"type":"user"}}],"total_count":1}}`

// A whole document of Intercom's costs one call, and a list shows what can be
// read of it; what is left out is counted.
func TestIntercomDocument(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		calls := map[string]int{}
		store := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			calls[r.URL.Path]++
			mu.Unlock()
			id, single := strings.CutPrefix(r.URL.Path, "/conversations/")
			if single {
				fmt.Fprintf(w, intercomRow, id)
				return
			}
			fmt.Fprintf(w, `{"conversations":[`+intercomRow+`,{"id":"2"},`+intercomRow+`],"pages":{}}`, "1", "3")
		})
		cfg, err := parseConfig("weft.yaml", []byte(quick+`
tenants:
  - id: acme
    keys: [{id: k, sha256: "`+hash("k")+`", scopes: [conversations:read]}]
    store: {kind: intercom, url: "http://store.test", token: x}
`), noEnv)
		if err != nil {
			t.Fatal(err)
		}
		sys, err := buildIn(hostsOutside{"store.test": upstreamtest.Handler(store)}.outside(), cfg, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(sys.close)
		ask := func(path string) string {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
			r.Header.Set("Authorization", "Bearer k")
			w := httptest.NewRecorder()
			sys.public.Handler.ServeHTTP(w, r)
			if w.Code != http.StatusOK {
				t.Fatalf("%s: %d %s", path, w.Code, w.Body)
			}
			return w.Body.String()
		}
		if got := ask("/api/conversations/42"); !strings.Contains(got, "Is it here?") || !strings.Contains(got, `"complete":true`) {
			t.Errorf("the document is %s", got)
		}
		if got := calls["/conversations/42"]; got != 1 {
			t.Errorf("%d calls for a document, want 1", got)
		}
		if got := ask("/api/conversations"); !strings.Contains(got, `"id":"1"`) || !strings.Contains(got, `"id":"3"`) || strings.Contains(got, `"id":"2"`) {
			t.Errorf("the list is %s", got)
		}
		r := httptest.NewRequest(http.MethodGet, "/metrics", nil)
		r.Host = "localhost:9090"
		w := httptest.NewRecorder()
		sys.ops.Handler.ServeHTTP(w, r)
		if !strings.Contains(w.Body.String(), "\nweft_upstream_unreadable_rows_total{upstream=\"intercom\"} 1\n") {
			t.Errorf("what is left out is not counted: %d %.200s", w.Code, w.Body)
		}
	})
}

// The ops listener is known by the names of the configuration of the moment.
func TestOpsHosts(t *testing.T) {
	text := func(hosts string) string {
		return "ops: {hosts: [" + hosts + "]}\n" + `
tenants:
  - id: acme
    keys: [{id: k, sha256: "` + hash("k") + `", scopes: [conversations:read]}]
    store: {kind: native, url: "http://store.test", token: x}
`
	}
	cfg, err := parseConfig("weft.yaml", []byte(text("Weft-Ops.example.")), noEnv)
	if err != nil {
		t.Fatal(err)
	}
	sys, err := buildIn(hostsOutside{}.outside(), cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer sys.close()
	check := func(want map[string]int) {
		t.Helper()
		for host, status := range want {
			r := httptest.NewRequest(http.MethodGet, "/console/", nil)
			r.Host = host
			w := httptest.NewRecorder()
			sys.ops.Handler.ServeHTTP(w, r)
			if w.Code != status {
				t.Errorf("%s: %d, want %d", host, w.Code, status)
			}
		}
	}
	check(map[string]int{"weft-ops.example:443": 200, "other.example": 421, "localhost:9090": 200})
	if cfg, err = parseConfig("weft.yaml", []byte(text("other.example")), noEnv); err != nil {
		t.Fatal(err)
	}
	g, err := sys.generate(cfg, sys.stage.current.Load())
	if err != nil {
		t.Fatal(err)
	}
	if err := sys.install(g); err != nil {
		t.Fatal(err)
	}
	check(map[string]int{"weft-ops.example:443": 421, "other.example": 200, "localhost:9090": 200})
}
