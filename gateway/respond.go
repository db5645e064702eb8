package gateway

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
)

// minPacked is the size of the smallest body that is worth compressing, in bytes.
const minPacked = 1 << 10

// problem is the body of every error.
type problem struct {
	Error string `json:"error"`
	Code  code   `json:"code"`
	Field string `json:"field,omitempty"`
}

// fail answers an error. A caller who has hung up is answered nothing.
func (s *Server) fail(x *exchange, r *http.Request, err error) {
	if r.Context().Err() != nil {
		x.cut = true
		return
	}
	row, field, wait := s.faults.find(err)
	x.code, x.cause = row.code, err
	h := x.Header()
	h.Set("Cache-Control", "no-store")
	switch row.status {
	case http.StatusUnauthorized:
		h.Set("WWW-Authenticate", `Bearer realm="weft"`)
	case http.StatusForbidden:
		h.Set("WWW-Authenticate", `Bearer realm="weft", error="insufficient_scope", scope="`+string(x.lacks)+`"`)
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		h.Set("Retry-After", strconv.Itoa(seconds(wait)))
	}
	sendJSON(x, r, row.status, problem{row.text, row.code, field})
}

// sendJSON answers a body of our own making.
func sendJSON(x *exchange, r *http.Request, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		panic(errors.Join(errors.New("gateway: a body of our own cannot be encoded"), err))
	}
	x.Header().Set("Content-Type", "application/json")
	send(x, r, status, body)
}

// send sends status, length and body. The length in an answer to HEAD has to be
// that of the body that GET would get, so it is left out where that one might
// be compressed.
func send(x *exchange, r *http.Request, status int, body []byte) {
	head := r.Method == http.MethodHead
	if !head || len(body) < minPacked || r.Header.Get("Accept-Encoding") == "" {
		x.set(x.Header(), "Content-Length", valueLength, strconv.Itoa(len(body)))
	}
	x.WriteHeader(status)
	if !head {
		_, _ = x.Write(body) // fails when the caller is gone
	}
}
