package gateway

import (
	"bytes"
	"testing"
	"time"

	"github.com/weft-gateway/weft/enrich"
	"github.com/weft-gateway/weft/upstream"
)

func TestDocumentHeaders(t *testing.T) {
	h := newHarness(t, nil)
	a := h.get(conversationTarget)
	for name, want := range map[string]string{
		"Content-Type":  "application/json",
		"ETag":          `W/"5f2c1b0a9d3e4c71"`,
		"Cache-Control": "private, no-cache",
		"Vary":          "Authorization, Origin, Accept-Encoding",
		"Server-Timing": `conversation;dur=0.1;desc="cached", messages;dur=20.1;desc="fresh", contact;dur=51.3;desc="stale", account;dur=52.0;desc="unavailable", total;dur=53.0`,
		"Cache-Status":  "weft-conversation; hit, weft-messages; fwd=miss, weft-contact; hit; detail=breaker_open, weft-account; fwd=miss; detail=timeout",
	} {
		if got := a.header.Values(name); len(got) != 1 || got[0] != want {
			t.Errorf("%s %q, want %q", name, got, want)
		}
	}
	if want := h.contract.example(t, "Complete"); !bytes.Equal(a.body, want) {
		t.Errorf("body %s, want %s", a.body, want)
	}
}

func TestListHeaders(t *testing.T) {
	a := newHarness(t, nil).get(listTarget)
	if got, want := a.header.Get("Cache-Status"), "weft-list; fwd=miss"; got != want {
		t.Errorf("Cache-Status %q, want %q", got, want)
	}
	if got, want := a.header.Get("Server-Timing"), `list;dur=20.0;desc="fresh", total;dur=53.0`; got != want {
		t.Errorf("Server-Timing %q, want %q", got, want)
	}
}

func TestDocumentsOfTheContract(t *testing.T) {
	for _, name := range []string{"Complete", "Native", "Degraded"} {
		h := newHarness(t, nil)
		doc := document(h.contract.example(t, name))
		h.fake.conversation = answering(doc)
		if a := h.get(conversationTarget); a.status != 200 || !bytes.Equal(a.body, doc.Body) {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
}

// TestContractIsHeld: were the harness to let anything through, no test here
// would mean a thing.
func TestContractIsHeld(t *testing.T) {
	h := newHarness(t, nil)
	silent := &recorder{TB: t}
	h.t = silent
	h.fake.conversation = answering(document([]byte(`{"id":"x","secret":true}`)))
	h.get(conversationTarget)
	if !silent.failed {
		t.Error("a body that the contract does not have is let through")
	}
}

func TestForwarding(t *testing.T) {
	tests := []struct {
		name   string
		report enrich.Report
		want   string
	}{
		{"fresh", enrich.Report{State: enrich.Fresh}, "fwd=miss"},
		{"cached", enrich.Report{State: enrich.Cached}, "hit"},
		{"revalidating", enrich.Report{State: enrich.Stale, Reason: enrich.Revalidating}, "hit"},
		{"stale, breaker open", enrich.Report{State: enrich.Stale, Reason: upstream.BreakerOpen}, "hit"},
		{"stale, no time", enrich.Report{State: enrich.Stale, Reason: upstream.Deadline}, "hit"},
		{"stale, asked in vain", enrich.Report{State: enrich.Stale, Reason: upstream.Timeout}, "fwd=stale"},
		{"missing, asked", enrich.Report{State: enrich.Missing}, "fwd=miss"},
		{"missing, known", enrich.Report{State: enrich.Missing, Age: time.Second}, "hit"},
		{"unavailable", enrich.Report{State: enrich.Unavailable, Reason: upstream.Refused}, "fwd=miss"},
		{"forbidden", enrich.Report{State: enrich.Forbidden, Reason: upstream.Denied}, "fwd=miss"},
		{"unlinked", enrich.Report{State: enrich.Unlinked}, ""},
		{"skipped", enrich.Report{State: enrich.Skipped}, ""},
	}
	for _, tt := range tests {
		if got := forwarding(&tt.report); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestNotModified(t *testing.T) {
	tests := []struct {
		name, header string
		status       int
	}{
		{"current", `W/"5f2c1b0a9d3e4c71"`, 304},
		{"current, compared weakly", `"5f2c1b0a9d3e4c71"`, 304},
		{"one of several", `"x", W/"5f2c1b0a9d3e4c71"`, 304},
		{"any", "*", 304},
		{"old", `W/"0000"`, 200},
		{"malformed", `5f2c1b0a9d3e4c71`, 200},
	}
	h := newHarness(t, nil)
	for _, tt := range tests {
		for _, method := range []string{"GET", "HEAD"} {
			for _, coding := range []string{"", "gzip", "zstd"} {
				t.Run(tt.name+" "+method+" "+coding, func(t *testing.T) {
					a := h.do(method, conversationTarget, "Authorization", "Bearer "+readKey, "If-None-Match", tt.header, "Accept-Encoding", coding)
					if a.status != tt.status {
						t.Fatalf("status %d, want %d", a.status, tt.status)
					}
					if got := a.header.Get("ETag"); got != `W/"5f2c1b0a9d3e4c71"` {
						t.Errorf("ETag %q", got)
					}
					if got := a.header.Get("Vary"); got != "Authorization, Origin, Accept-Encoding" {
						t.Errorf("Vary %q", got)
					}
					if got := a.header.Get("Cache-Control"); got != "private, no-cache" {
						t.Errorf("Cache-Control %q", got)
					}
					if _, ok := a.header["Content-Type"]; ok != (a.status == 200) {
						t.Errorf("%d with a Content-Type: %v", a.status, ok)
					}
				})
			}
		}
	}
}

func TestCompression(t *testing.T) {
	tests := []struct {
		name, path, accept, want string
	}{
		{"gzip", conversationTarget, "gzip", "gzip"},
		{"zstd", conversationTarget, "zstd", "zstd"},
		{"as browsers ask", conversationTarget, "gzip, deflate, br, zstd", "zstd"},
		{"gzip preferred", conversationTarget, "gzip;q=1, zstd;q=0.5", "gzip"},
		{"neither", conversationTarget, "br", ""},
		{"refused", conversationTarget, "gzip;q=0", ""},
		{"nothing said", conversationTarget, "", ""},
		{"contract", "/openapi.yaml", "gzip", "gzip"},
		{"small", "/livez", "gzip", ""},
		{"packed already", "/docs/swagger-ui-bundle.js", "gzip, zstd", "gzip"},
		{"unpacked for those who need it", "/docs/swagger-ui-bundle.js", "br", ""},
		{"repacked", "/docs/swagger-ui-bundle.js", "zstd", "zstd"},
		{"gzip refused", "/docs/swagger-ui-bundle.js", "gzip;q=0.0", ""},
		{"image", "/docs/favicon-32x32.png", "gzip", ""},
	}
	h := newHarness(t, nil)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			plain := h.get(tt.path)
			packed := h.get(tt.path, "Accept-Encoding", tt.accept)
			if got := packed.header.Get("Content-Encoding"); got != tt.want {
				t.Errorf("Content-Encoding %q, want %q", got, tt.want)
			}
			if !bytes.Equal(packed.body, plain.body) {
				t.Error("the body is another one")
			}
			if got, want := packed.header.Values("ETag"), plain.header.Values("ETag"); len(got) != len(want) || len(got) > 0 && got[0] != want[0] {
				t.Errorf("ETag %q, without compression %q", got, want)
			}
		})
	}
}
