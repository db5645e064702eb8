package tracing

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// answer is what a collector does about a request.
type answer struct {
	status int // 0: err
	header map[string]string
	body   io.Reader // nil: empty
	err    error     // nil: it says nothing
}

// asked is a request that came.
type asked struct {
	at     time.Time
	header http.Header
	body   []byte
}

// scripted gives its answers in turn, and the last one from then on.
type scripted struct {
	answers []answer
	asked   []asked
}

func (s *scripted) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	a := s.answers[min(len(s.asked), len(s.answers)-1)]
	s.asked = append(s.asked, asked{time.Now(), r.Header.Clone(), body})
	if a.status == 0 && a.err == nil {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	if a.status == 0 {
		return nil, a.err
	}
	resp := &http.Response{StatusCode: a.status, Header: http.Header{}, Body: http.NoBody, Request: r}
	for name, value := range a.header {
		resp.Header.Set(name, value)
	}
	if a.body != nil {
		resp.Body = io.NopCloser(a.body)
	}
	return resp, nil
}

// batch is one span.
func batch(name string) []*tracepb.ResourceSpans {
	return []*tracepb.ResourceSpans{{ScopeSpans: []*tracepb.ScopeSpans{{Spans: []*tracepb.Span{{Name: name}}}}}}
}

// span is the pause before a try: at least, and at most.
type span struct{ least, most time.Duration }

func exactly(d time.Duration) span { return span{d, d} }

// backoff is a second, more or less, and double that each time.
func backoff(tries int) (pauses []span) {
	for n := range tries {
		base := min(time.Second<<n, 5*time.Second)
		pauses = append(pauses, span{base / 2, base * 3 / 2})
	}
	return pauses
}

func TestUploadTries(t *testing.T) {
	refused := &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
	ok := answer{status: http.StatusOK}
	after := func(status int, value string) answer {
		return answer{status: status, header: map[string]string{"Retry-After": value}}
	}
	type test struct {
		name    string
		answers []answer
		timeout time.Duration
		pauses  []span // before the second try and those after it
		why     string // "": it goes well
	}
	tests := []test{
		{"at once", []answer{ok}, 10 * time.Second, nil, ""},
		{"no content", []answer{{status: http.StatusNoContent}}, 10 * time.Second, nil, ""},
		{"refused", []answer{{err: refused}, ok}, 10 * time.Second, backoff(1), ""},
		{"hung up", []answer{{err: io.ErrUnexpectedEOF}, ok}, 10 * time.Second, backoff(1), ""},
		{"one after another", []answer{{err: refused}, {status: 502}, {status: 503}, {status: 504}, {status: 429}, ok}, time.Minute, backoff(5), ""},
		{"later, by seconds", []answer{after(503, "3"), ok}, 10 * time.Second, []span{exactly(3 * time.Second)}, ""},
		{"later, by a date", []answer{after(429, "Sat, 01 Jan 2000 00:00:04 GMT"), ok}, 10 * time.Second, []span{exactly(4 * time.Second)}, ""},
		{"later, by a date that is past", []answer{after(429, "Fri, 31 Dec 1999 23:59:00 GMT"), ok}, 10 * time.Second, backoff(1), ""},
		{"sooner than would be polite", []answer{after(503, "0"), ok}, 10 * time.Second, backoff(1), ""},
		{"later, in no words", []answer{after(503, "-7 soon"), ok}, 10 * time.Second, backoff(1), ""},
		{"too late", []answer{after(503, "60"), ok}, 10 * time.Second, nil, "upstream_error"},
		{"never", []answer{after(503, "99999999999999999999"), ok}, 10 * time.Second, backoff(1), ""},
		{"no time for another", []answer{{err: refused}, ok}, 400 * time.Millisecond, nil, "refused"},
		{"silent", []answer{{}}, 10 * time.Second, nil, "timeout"},
		{"silent in the end", []answer{{status: 503}, {}}, 10 * time.Second, backoff(1), "timeout"},
	}
	for _, status := range []int{301, 307, 308, 400, 401, 404, 408, 413, 500, 501, 505} {
		tests = append(tests, test{http.StatusText(status), []answer{
			{status: status, header: map[string]string{"Location": "http://else.test/", "Retry-After": "1"}}, ok,
		}, 10 * time.Second, nil, "upstream_error"})
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &scripted{answers: tt.answers}
				err := newUploader(Settings{Endpoint: somewhere, timeout: tt.timeout}, "v1", s).UploadTraces(t.Context(), batch("x"))
				if (err != nil) != (tt.why != "") || err != nil && why(err) != tt.why {
					t.Errorf("error %v, want %q", err, tt.why)
				}
				if len(s.asked) != len(tt.pauses)+1 {
					t.Fatalf("%d tries, want %d", len(s.asked), len(tt.pauses)+1)
				}
				if after := time.Since(s.asked[len(tt.pauses)].at); after != 0 && tt.why != "timeout" {
					t.Errorf("it ends %v after the last try", after)
				}
				for n, want := range tt.pauses {
					if got := s.asked[n+1].at.Sub(s.asked[n].at); got < want.least || got > want.most {
						t.Errorf("a pause of %v before try %d, want %v to %v", got, n+2, want.least, want.most)
					}
				}
			})
		})
	}
}

// A collector that stays away costs no more than the time of a batch, and the end
// of the process ends the wait.
func TestUploadEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &scripted{answers: []answer{{status: http.StatusServiceUnavailable}}}
		u := newUploader(Settings{Endpoint: somewhere, timeout: 10 * time.Second}, "v1", s)
		began := time.Now()
		if err := u.UploadTraces(t.Context(), batch("x")); err == nil || time.Since(began) > 10*time.Second || len(s.asked) < 3 {
			t.Errorf("%v after %v and %d tries", err, time.Since(began), len(s.asked))
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		s.asked, began = nil, time.Now()
		if err := u.UploadTraces(ctx, batch("x")); err == nil || time.Since(began) > 10*time.Millisecond || len(s.asked) != 1 {
			t.Errorf("%v after %v and %d tries", err, time.Since(began), len(s.asked))
		}
		ctx, cancel = context.WithCancel(t.Context())
		time.AfterFunc(10*time.Millisecond, cancel)
		s.asked, began = nil, time.Now()
		if err := u.UploadTraces(ctx, batch("x")); err == nil || time.Since(began) != 10*time.Millisecond || len(s.asked) != 1 {
			t.Errorf("%v after %v and %d tries", err, time.Since(began), len(s.asked))
		}
	})
}

// What is sent is an ExportTraceServiceRequest by the definition of OTLP, and the
// same one at each try.
func TestUploadSends(t *testing.T) {
	for _, packed := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			s := &scripted{answers: []answer{{status: 503}, {status: 200}}}
			u := newUploader(Settings{Endpoint: somewhere, timeout: time.Minute, packed: packed, headers: map[string]string{"authorization": "Bearer x", "content-type": "text/plain"}}, "(devel)", s)
			for _, name := range []string{"first", "second"} { // the second packer is the first one again
				if err := u.UploadTraces(t.Context(), batch(name)); err != nil {
					t.Error(err)
				}
			}
			want := map[string]string{"Authorization": "Bearer x", "Content-Type": "application/x-protobuf", "User-Agent": "Weft-OTLP-Exporter-Go/devel"}
			if packed {
				want["Content-Encoding"] = "gzip"
			}
			var names []string
			for _, a := range s.asked {
				got := map[string]string{}
				for name := range a.header {
					got[name] = a.header.Get(name)
				}
				if !maps.Equal(got, want) {
					t.Errorf("headers %v, want %v", got, want)
				}
				names = append(names, nameIn(t, a.body, packed))
			}
			if want := []string{"first", "first", "second"}; !slices.Equal(names, want) {
				t.Errorf("spans %v, want %v", names, want)
			}
		})
	}
}

// nameIn is the name of the span that a request holds.
func nameIn(t *testing.T, body []byte, packed bool) string {
	t.Helper()
	if packed {
		z, err := gzip.NewReader(bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if body, err = io.ReadAll(z); err != nil {
			t.Fatal(err)
		}
	}
	var req coltracepb.ExportTraceServiceRequest
	if err := proto.Unmarshal(body, &req); err != nil {
		t.Fatal(err)
	}
	return req.ResourceSpans[0].ScopeSpans[0].Spans[0].Name
}

// A batch that no collector has to take is not sent.
func TestUploadTooLarge(t *testing.T) {
	s := &scripted{answers: []answer{{status: 200}}}
	u := newUploader(Settings{Endpoint: somewhere, timeout: time.Second}, "v1", s)
	if err := u.UploadTraces(t.Context(), batch(strings.Repeat("x", maxBatch))); err == nil || len(s.asked) != 0 {
		t.Errorf("%v, sent %d times", err, len(s.asked))
	}
}

// endless is an answer without an end.
type endless struct{ read int }

func (e *endless) Read(b []byte) (int, error) {
	if e.read += len(b); e.read > 8*maxAnswer {
		return 0, errors.New("nobody should read on")
	}
	return len(b), nil
}

func partial(rejected int64, text string) io.Reader {
	b, err := proto.Marshal(&coltracepb.ExportTraceServiceResponse{
		PartialSuccess: &coltracepb.ExportTracePartialSuccess{RejectedSpans: rejected, ErrorMessage: text},
	})
	if err != nil {
		panic(err)
	}
	return bytes.NewReader(b)
}

func TestUploadAnswers(t *testing.T) {
	unending, another := new(endless), new(endless)
	for _, tt := range []struct {
		name, mime string
		body       io.Reader
		ok         bool
	}{
		{"nothing", protobuf, nil, true},
		{"all taken", protobuf, partial(0, ""), true},
		{"a hint", protobuf, partial(0, "your clock is late"), true},
		{"some rejected", protobuf, partial(3, "secret"), false},
		{"not protobuf", protobuf, strings.NewReader("secret"), false},
		{"something else", "text/html", strings.NewReader("secret"), true},
		{"without end", protobuf, unending, false},
		{"something else without end", "text/html", another, false},
		{"too much", protobuf, partial(0, strings.Repeat("x", maxAnswer)), false},
	} {
		s := &scripted{answers: []answer{{status: 200, header: map[string]string{"Content-Type": tt.mime}, body: tt.body}}}
		err := newUploader(Settings{Endpoint: somewhere, timeout: time.Minute}, "v1", s).UploadTraces(t.Context(), batch("x"))
		if (err == nil) != tt.ok || err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", tt.name, err)
		}
		if len(s.asked) != 1 {
			t.Errorf("%s: sent %d times", tt.name, len(s.asked))
		}
	}
	if n := max(unending.read, another.read); n > 2*maxAnswer {
		t.Errorf("%d bytes were read", n)
	}
}

// What a collector answers is read as the definition of OTLP has it.
func FuzzAccepted(f *testing.F) {
	for _, seed := range []io.Reader{partial(0, ""), partial(2, ""), partial(-1, "x"), strings.NewReader("\x0a\x02\x08"), strings.NewReader("\x0b\x0c\x0a\x00")} {
		b, err := io.ReadAll(seed)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var want coltracepb.ExportTraceServiceResponse
		if err := proto.Unmarshal(b, &want); err != nil {
			_ = accepted(b) // it need not look at what it does not need
			return
		}
		if err := accepted(b); (err == nil) != (want.GetPartialSuccess().GetRejectedSpans() == 0) {
			t.Errorf("%x: %v, want %d rejected", b, err, want.GetPartialSuccess().GetRejectedSpans())
		}
	})
}
