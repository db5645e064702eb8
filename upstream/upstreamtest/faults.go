package upstreamtest

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"testing"
	"unicode"
	"unicode/utf8"
)

// Fault answers a call in place of the server, which it may ask by next.
type Fault func(r *http.Request, next http.RoundTripper) (*http.Response, error)

// Faults is a transport that spoils calls on their way to any server, and
// remembers what was asked. It is safe for concurrent use.
type Faults struct {
	next http.RoundTripper

	mu    sync.Mutex
	fault Fault
	calls []*url.URL
}

// NewFaults returns a transport on top of next; nil is one of its own over the
// network. It starts without a fault.
func NewFaults(t testing.TB, next http.RoundTripper) *Faults {
	if next == nil {
		own := &http.Transport{}
		t.Cleanup(own.CloseIdleConnections)
		next = own
	}
	return &Faults{next: next}
}

// Set spoils all calls from now on; nil lets them pass.
func (f *Faults) Set(fault Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fault = fault
}

// Calls returns the addresses of the calls since it was last asked.
func (f *Faults) Calls() []*url.URL {
	f.mu.Lock()
	defer f.mu.Unlock()
	calls := f.calls
	f.calls = nil
	return calls
}

// RoundTrip implements [http.RoundTripper].
func (f *Faults) RoundTrip(r *http.Request) (*http.Response, error) {
	f.mu.Lock()
	f.calls = append(f.calls, r.URL)
	fault := f.fault
	f.mu.Unlock()
	if fault == nil {
		return f.next.RoundTrip(r)
	}
	return fault(r, f.next)
}

// Handler returns a transport that calls h in the process, without a network,
// as tests on the clock of testing/synctest need it.
func Handler(h http.Handler) http.RoundTripper { return inProcess{h} }

type inProcess struct{ handler http.Handler }

func (p inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	seen := httptest.NewRequestWithContext(r.Context(), r.Method, r.URL.RequestURI(), r.Body)
	seen.Header, seen.Host = r.Header.Clone(), r.URL.Host
	w := httptest.NewRecorder()
	p.handler.ServeHTTP(w, seen)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	answer := w.Result()
	answer.Request = r
	return answer, nil
}

// Answer answers with a status, a body and header fields given in pairs.
func Answer(status int, body string, header ...string) Fault {
	return func(r *http.Request, _ http.RoundTripper) (*http.Response, error) {
		h := http.Header{}
		for i := 0; i+1 < len(header); i += 2 {
			h.Set(header[i], header[i+1])
		}
		return answer(r, status, h, io.NopCloser(strings.NewReader(body)), int64(len(body))), nil
	}
}

// Cut lets the connection end in the middle of the server's answer.
func Cut(r *http.Request, next http.RoundTripper) (*http.Response, error) {
	got, err := next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	defer got.Body.Close()
	body, err := io.ReadAll(got.Body)
	if err != nil {
		return nil, err
	}
	half := io.MultiReader(bytes.NewReader(body[:len(body)/2]), broken{})
	return answer(r, got.StatusCode, got.Header, io.NopCloser(half), int64(len(body))), nil
}

// TooLarge answers with 64 MiB that begin like JSON.
func TooLarge(r *http.Request, _ http.RoundTripper) (*http.Response, error) {
	body := io.LimitReader(io.MultiReader(strings.NewReader(`{"data":`), spaces{strings.Repeat(" ", 32<<10)}), 64<<20)
	return answer(r, http.StatusOK, http.Header{}, io.NopCloser(body), -1), nil
}

// HangUp resets the connection before any answer.
func HangUp(*http.Request, http.RoundTripper) (*http.Response, error) {
	return nil, &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}
}

// Refuse makes no connection.
func Refuse(*http.Request, http.RoundTripper) (*http.Response, error) {
	return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
}

// Hang never answers. It tells entered, if not nil, of each call.
func Hang(entered chan<- struct{}) Fault {
	return func(r *http.Request, _ http.RoundTripper) (*http.Response, error) {
		if entered != nil {
			entered <- struct{}{}
		}
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
}

// Swap asks the server for something else: it puts another value in the place
// of asked, in the path, the query and the body, wherever neither a letter nor a
// digit is beside it.
func Swap(asked, other string) Fault {
	return func(r *http.Request, next http.RoundTripper) (*http.Response, error) {
		r = r.Clone(r.Context())
		r.URL.Path, r.URL.RawPath = swap(r.URL.Path, asked, other), ""
		query := r.URL.Query()
		for _, values := range query {
			for i := range values {
				values[i] = swap(values[i], asked, other)
			}
		}
		r.URL.RawQuery = query.Encode()
		if r.Body != nil {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				return nil, err
			}
			body = []byte(swap(string(body), asked, other))
			r.Body, r.ContentLength, r.GetBody = io.NopCloser(bytes.NewReader(body)), int64(len(body)), nil
		}
		return next.RoundTrip(r)
	}
}

// swap replaces asked where it stands alone.
func swap(text, asked, other string) string {
	var b strings.Builder
	for asked != "" {
		at := strings.Index(text, asked)
		if at < 0 {
			break
		}
		end := at + len(asked)
		b.WriteString(text[:at])
		if alone(text[:at], text[end:]) {
			b.WriteString(other)
		} else {
			b.WriteString(asked)
		}
		text = text[end:]
	}
	return b.String() + text
}

// alone reports whether neither a letter nor a digit is next to what stands
// between two texts.
func alone(before, after string) bool {
	wordy := func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }
	last, _ := utf8.DecodeLastRuneInString(before)
	first, _ := utf8.DecodeRuneInString(after)
	return !wordy(last) && !wordy(first)
}

func answer(r *http.Request, status int, h http.Header, body io.ReadCloser, length int64) *http.Response {
	return &http.Response{
		Status: http.StatusText(status), StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: h, Body: body, ContentLength: length, Request: r,
	}
}

// broken is a connection that ends too early.
type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// spaces is white space without end.
type spaces struct{ some string }

func (s spaces) Read(p []byte) (int, error) { return copy(p, s.some), nil }
