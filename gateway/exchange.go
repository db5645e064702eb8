package gateway

import (
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/weft-gateway/weft/gateway/auth"
)

// exchange is one request and what becomes of it. It is the ResponseWriter
// that endpoints write to.
type exchange struct {
	http.ResponseWriter
	start   time.Time
	id      string // X-Request-Id
	route   string // template; "" while or where there is none
	status  int    // as sent; 0 before
	who     auth.Principal
	quotas  []Quota // of who, with this request counted
	lacks   Policy  // the scope for which the caller was refused
	code    code    // of the error that was answered; "" for none
	cause   error   // for the log
	stack   []byte  // of a panic
	counted bool    // in the load, which finish takes it from
	span    Span    // nil: nobody is told of it
	cut     bool    // the connection is to be cut: no answer, or half of one

	values [ownValues]string // of headers
}

// The places of header values that only this answer has.
const (
	valueID = iota
	valueTag
	valueLength
	valueTiming
	valueCache
	ownValues
)

// set sets a header, whose name is in the canonical form, to a value that has a place of its own.
func (x *exchange) set(h http.Header, name string, place int, value string) {
	x.values[place] = value
	h[name] = x.values[place : place+1 : place+1]
}

func newExchange(w http.ResponseWriter, r *http.Request) *exchange {
	x := &exchange{ResponseWriter: w, start: time.Now(), id: requestID(r)}
	x.set(w.Header(), "X-Request-Id", valueID, x.id)
	return x
}

// WriteHeader notes the status and sends it.
func (x *exchange) WriteHeader(status int) {
	x.status = status
	announce(x.Header(), status, x.quotas)
	x.ResponseWriter.WriteHeader(status)
}

// requestID takes over the caller's id where it can do no harm in a log.
func requestID(r *http.Request) string {
	if v := r.Header["X-Request-Id"]; len(v) == 1 && len(v[0]) >= 8 && wordy(v[0]) {
		return v[0]
	}
	var b [16]byte
	binary.NativeEndian.PutUint64(b[:], rand.Uint64())  //nolint:gosec // it has to differ, not to be a secret
	binary.NativeEndian.PutUint64(b[8:], rand.Uint64()) //nolint:gosec // likewise
	var text [2 * len(b)]byte
	hex.Encode(text[:], b[:])
	return string(text[:])
}

// wordy reports whether s is 1-64 of A-Z, a-z, 0-9, _ and -, the form of
// every identifier that is taken from a caller.
func wordy(s string) bool {
	if s == "" || len(s) > 64 {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '_', c == '-':
		default:
			return false
		}
	}
	return true
}
