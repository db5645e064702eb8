package client

import (
	"encoding/json"
	"net/http"

	"github.com/weft-gateway/weft/upstream"
)

// Reply is a whole answer. Status is 2xx or a 4xx that the client does not
// judge: 401, 403, 408, 429 and everything outside 2xx and 4xx never get here.
type Reply struct {
	Status int
	Header http.Header
	Body   []byte // at most HostConfig.MaxBody; good until Decode returns, and not to be kept
}

// Err returns the kind of failure that the status means, and nil for 2xx. A
// 404 or 410 is a statement of the service only if it is a JSON object with a
// member "error"; anything else comes from something in between, or from a
// wrong address.
func (r Reply) Err() error { return r.ErrIf("error") }

// ErrIf is Err for a service whose errors have another member than "error".
func (r Reply) ErrIf(member string) error {
	kind := kindOf(r.Status)
	switch {
	case kind != "":
		return kind
	case r.Status < 300:
		return nil
	case r.Status != http.StatusNotFound && r.Status != http.StatusGone:
		return upstream.UpstreamError
	}
	var body map[string]json.RawMessage
	if json.Unmarshal(r.Body, &body) == nil && len(body[member]) > 0 {
		return upstream.NotFound
	}
	return upstream.BadResponse
}

// kindOf returns the failure that a status means by itself, whatever the body
// holds; "" leaves it to the connector. This is the only place that decides it.
func kindOf(status int) upstream.Kind {
	switch {
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return upstream.Denied
	case status == http.StatusTooManyRequests:
		return upstream.RateLimited
	case status == http.StatusRequestTimeout || status >= 500 && status < 600:
		return upstream.UpstreamError
	case status >= 200 && status < 300 || status >= 400 && status < 500:
		return ""
	}
	return upstream.BadResponse
}
