package upstreamtest

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"sync"
)

// archive remembers what a server answered, since it is asked the same again and
// again. It is safe for concurrent use.
type archive struct {
	mu      sync.Mutex
	answers map[string]archived // by request
}

type archived struct {
	status int
	header http.Header
	body   []byte
}

// rewrite lets what the server answers be changed; by nil, not at all.
func (a *archive) rewrite(change func(any) any) Fault {
	return func(r *http.Request, next http.RoundTripper) (*http.Response, error) {
		got, err := a.ask(r, next)
		if err != nil {
			return nil, err
		}
		body := got.body
		if change != nil && got.status/100 == 2 {
			var v any
			dec := json.NewDecoder(bytes.NewReader(body))
			dec.UseNumber()
			if err := dec.Decode(&v); err != nil {
				return nil, err
			}
			if body, err = json.Marshal(change(v)); err != nil {
				return nil, err
			}
		}
		return answer(r, got.status, got.header.Clone(), io.NopCloser(bytes.NewReader(body)), int64(len(body))), nil
	}
}

func (a *archive) ask(r *http.Request, next http.RoundTripper) (archived, error) {
	key := r.Method + " " + r.URL.String()
	if r.Body != nil {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return archived{}, err
		}
		key += " " + string(body)
		r = r.Clone(r.Context())
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if got, ok := a.answers[key]; ok {
		return got, nil
	}
	resp, err := next.RoundTrip(r)
	if err != nil {
		return archived{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	got := archived{resp.StatusCode, resp.Header, body}
	if err == nil {
		a.answers[key] = got
	}
	return got, err
}
