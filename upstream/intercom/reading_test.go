package intercom

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weft-gateway/weft/upstream"
	"github.com/weft-gateway/weft/upstream/client"
	"github.com/weft-gateway/weft/upstream/upstreamtest"
)

// slow answers as h does, after a second.
func slow(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-time.After(time.Second):
			h.ServeHTTP(w, r)
		case <-r.Context().Done():
		}
	})
}

// outcome is how a read ended.
type outcome struct {
	what string // the id of what was read, or the last message
	err  error
}

// ask begins a read, and returns when it waits for something or is over.
func ask(ctx context.Context, s *Store, op upstream.Op, id string) <-chan outcome {
	out := make(chan outcome, 1)
	go func() {
		if op == upstream.OpConversation {
			c, err := s.Conversation(ctx, id)
			out <- outcome{c.ID, err}
			return
		}
		th, err := s.Thread(ctx, id)
		o := outcome{err: err}
		if n := len(th.Messages); n > 0 {
			o.what = th.Messages[n-1].Content
		}
		out <- o
	}()
	synctest.Wait()
	return out
}

const (
	conv = upstream.OpConversation
	msgs = upstream.OpThread
)

// held returns how many calls may still be shared, and how many of them are
// counted as over.
func held(s *Store) (open, kept int) {
	s.readings.mu.Lock()
	defer s.readings.mu.Unlock()
	return len(s.readings.open), s.readings.kept
}

func good(t *testing.T, name string, op upstream.Op, id string, o outcome) {
	t.Helper()
	want := id
	if op == msgs {
		want = "Tomorrow."
	}
	if o.err != nil || o.what != want {
		t.Errorf("%s: %s of %s: %q, error %v", name, op, id, o.what, o.err)
	}
}

// TestOneCallForBoth counts the calls of reads that begin one after another,
// some time apart.
func TestOneCallForBoth(t *testing.T) {
	type step struct {
		op    upstream.Op
		id    string
		after time.Duration
	}
	const a, b = "1001", "1002"
	tests := []struct {
		name  string
		steps []step
		calls int
	}{
		{"at once", []step{{conv, a, 0}, {msgs, a, 0}}, 1},
		{"the other way round", []step{{msgs, a, 0}, {conv, a, 0}}, 1},
		{"while the call is under way", []step{{conv, a, 0}, {msgs, a, 900 * time.Millisecond}}, 1},
		{"a moment after", []step{{conv, a, 0}, {msgs, a, time.Second + moment - 1}}, 1},
		{"later", []step{{conv, a, 0}, {msgs, a, time.Second + moment + 1}}, 2},
		{"the same twice", []step{{conv, a, 0}, {conv, a, 0}}, 2},
		{"the same twice, and the other", []step{{conv, a, 0}, {conv, a, 0}, {msgs, a, 0}}, 2},
		{"two and two", []step{{conv, a, 0}, {msgs, a, 0}, {conv, a, 0}, {msgs, a, 0}}, 2},
		{"a third has no half left", []step{{conv, a, 0}, {msgs, a, 0}, {msgs, a, 0}}, 2},
		{"the same again after both", []step{{conv, a, 0}, {msgs, a, 0}, {conv, a, time.Second + 1}}, 2},
		{"two conversations", []step{{conv, a, 0}, {msgs, b, 0}}, 2},
		{"both of two", []step{{conv, a, 0}, {msgs, b, 0}, {msgs, a, 0}, {conv, b, 0}}, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, faults := open(t, slow(newWorkspace(2)))
				var outs []<-chan outcome
				for _, step := range tt.steps {
					time.Sleep(step.after)
					outs = append(outs, ask(t.Context(), s, step.op, step.id))
				}
				for i, step := range tt.steps {
					good(t, tt.name, step.op, step.id, <-outs[i])
				}
				if n := len(faults.Calls()); n != tt.calls {
					t.Errorf("%d calls, want %d", n, tt.calls)
				}
				time.Sleep(moment)
				synctest.Wait()
				if open, kept := held(s); open != 0 || kept != 0 {
					t.Errorf("%d calls may still be shared, %d are kept", open, kept)
				}
			})
		})
	}
}

// A call is of one tenant and one token, also where the service and the ids are
// the same.
func TestNoCallForTwoTenants(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		faults := upstreamtest.NewFaults(t, upstreamtest.Handler(slow(newWorkspace(1))))
		host, err := client.NewHost(client.HostConfig{
			Name: Kind, URL: "http://store.invalid", Deadline: 10 * time.Second, Operations: Operations(), Transport: faults, Manners: Manners(),
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(host.Close)
		store := func(tenant, token string) *Store {
			s, err := New(host.Client(token), Config{TenantID: tenant})
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		acme, globex, stranger := store("acme", testToken), store("globex", testToken), store("acme", "another")
		first := ask(t.Context(), acme, conv, "1001")
		second, third := ask(t.Context(), globex, msgs, "1001"), ask(t.Context(), stranger, msgs, "1001")
		good(t, "acme", conv, "1001", <-first)
		good(t, "globex", msgs, "1001", <-second)
		if o := <-third; upstream.KindOf(o.err) != upstream.Denied {
			t.Errorf("with another token: %+v", o)
		}
		if n := len(faults.Calls()); n != 3 {
			t.Errorf("%d calls, want 3", n)
		}
	})
}

// Of two who share a call, one hangs up. The other gets what it asked for.
func TestOneOfTwoHangsUp(t *testing.T) {
	for _, first := range []bool{true, false} { // who goes is the one who made the call
		for _, late := range []bool{false, true} { // for want of time
			synctest.Test(t, func(t *testing.T) {
				s, faults := open(t, slow(newWorkspace(1)))
				gone, cancel := context.WithCancel(t.Context())
				want, calls := upstream.Canceled, 1
				if late {
					gone, cancel = context.WithTimeout(t.Context(), time.Second/2)
					want = upstream.Deadline
				}
				defer cancel()
				contexts := []context.Context{gone, t.Context()}
				if !first {
					contexts = []context.Context{t.Context(), gone}
				} else {
					calls = 2 // the other one has to make it anew
				}
				outs := []<-chan outcome{ask(contexts[0], s, conv, "1001"), ask(contexts[1], s, msgs, "1001")}
				if !late {
					cancel()
				}
				results := []outcome{<-outs[0], <-outs[1]}
				left, stayed := results[0], results[1]
				op := msgs
				if !first {
					left, stayed, op = stayed, left, conv
				}
				e, ok := errors.AsType[*upstream.Error](left.err)
				if !ok || e.Kind != want || e.Op == op {
					t.Errorf("who went: %v, want %s", left.err, want)
				}
				good(t, "who stayed", op, "1001", stayed)
				if n := len(faults.Calls()); n != calls {
					t.Errorf("%d calls, want %d", n, calls)
				}
			})
		}
	}
}

// A failure is that of both, each with its own operation, and counts once: at
// the breaker of the operation that made the call. When that is open, the other
// one asks for itself, and what its own breaker keeps back it shares no answer of.
func TestBreakersOfASharedCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newWorkspace(1)
		down := true
		s, faults := open(t, slow(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if down {
				refuse(w, http.StatusNotImplemented, "down")
				return
			}
			b.ServeHTTP(w, r)
		})))
		both := func(first, second upstream.Op) (outcome, outcome) {
			one, other := ask(t.Context(), s, first, "1001"), ask(t.Context(), s, second, "1001")
			return <-one, <-other
		}
		for range 5 {
			one, other := both(conv, msgs)
			for op, o := range map[upstream.Op]outcome{conv: one, msgs: other} {
				if e, ok := errors.AsType[*upstream.Error](o.err); !ok || e.Kind != upstream.UpstreamError || e.Op != op || e.Source != Kind {
					t.Fatalf("%s: %v", op, o.err)
				}
			}
		}
		open := func(op upstream.Op) bool { is, _ := s.Tripped(op); return is }
		if n := len(faults.Calls()); n != 5 || !open(conv) || open(msgs) {
			t.Fatalf("%d calls; breakers open: conversation %v, messages %v", n, open(conv), open(msgs))
		}
		down = false
		one, other := both(conv, msgs)
		if upstream.KindOf(one.err) != upstream.BreakerOpen {
			t.Errorf("conversation: %v", one.err)
		}
		good(t, "the first is refused", msgs, "1001", other)
		other, one = both(msgs, conv)
		if upstream.KindOf(one.err) != upstream.BreakerOpen {
			t.Errorf("conversation, of the messages' call: %+v", one)
		}
		good(t, "the second is refused", msgs, "1001", other)
	})
}

// What one half of the answer lacks is not the other's failure.
func TestHalfOfAnAnswer(t *testing.T) {
	tests := []struct {
		name         string
		change       jsonObject
		conversation upstream.Kind
		messages     upstream.Kind
	}{
		{"no times", jsonObject{"created_at": nil}, upstream.BadResponse, ""},
		{"no parts", jsonObject{"conversation_parts": nil}, "", upstream.BadResponse},
		{"another conversation", jsonObject{"id": "43"}, upstream.WrongRecord, upstream.WrongRecord},
	}
	for _, tt := range tests {
		for _, order := range [][]upstream.Op{{conv, msgs}, {msgs, conv}} {
			synctest.Test(t, func(t *testing.T) {
				s, faults := open(t, slow(say(200, record(t, tt.change))))
				outs := []<-chan outcome{ask(t.Context(), s, order[0], "42"), ask(t.Context(), s, order[1], "42")}
				for i, out := range outs {
					want := tt.conversation
					if order[i] == msgs {
						want = tt.messages
					}
					o := <-out
					if e, ok := errors.AsType[*upstream.Error](o.err); upstream.KindOf(o.err) != want || ok && (e.Op != order[i] || e.Source != Kind) {
						t.Errorf("%s, %v: %s: %v, want %q", tt.name, order, order[i], o.err, want)
					}
				}
				if n := len(faults.Calls()); n != 1 {
					t.Errorf("%s, %v: %d calls", tt.name, order, n)
				}
			})
		}
	}
}

// Answers that wait for their other half are few, small, and soon gone.
func TestReadingsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newWorkspace(2 * maxKept)
		big := b.convs[0]
		big.parts = []jsonObject{part(1, "comment", "user", strings.Repeat("a", maxBytes))}
		s, _ := open(t, http.HandlerFunc(b.ServeHTTP))
		for i, c := range b.convs {
			if _, err := s.Conversation(t.Context(), strconv.Itoa(c.id)); err != nil {
				t.Fatal(err)
			}
			if open, kept := held(s); open != min(i, maxKept) || kept != open {
				t.Fatalf("after %d: %d are kept, counted %d", i+1, open, kept)
			}
		}
		_, err := s.Thread(t.Context(), strconv.Itoa(b.convs[1].id))
		if open, kept := held(s); err != nil || open != maxKept-1 || kept != open {
			t.Errorf("after one was shared, %d are kept, counted %d; error %v", open, kept, err)
		}
		time.Sleep(moment)
		synctest.Wait()
		if open, kept := held(s); open != 0 || kept != 0 {
			t.Errorf("after a moment, %d are kept, counted %d", open, kept)
		}
	})
}

// What became of a call is not the other's business where it is about who made it.
func TestWait(t *testing.T) {
	failure := func(kind upstream.Kind) error { return &upstream.Error{Kind: kind, Op: conv} }
	tests := []struct {
		name string
		body upstream.Fields
		err  error
		ok   bool
		kind upstream.Kind
	}{
		{"brought", upstream.Fields{}, nil, true, ""},
		{"brought, and of no use to the first", upstream.Fields{}, failure(upstream.BadResponse), true, ""},
		{"a failure", nil, failure(upstream.Timeout), true, upstream.Timeout},
		{"not found", nil, failure(upstream.NotFound), true, upstream.NotFound},
		{"its breaker refused", nil, failure(upstream.BreakerOpen), false, ""},
		{"it hung up", nil, failure(upstream.Canceled), false, ""},
		{"it had no time left", nil, failure(upstream.Deadline), false, ""},
		{"it panicked", nil, nil, false, ""},
	}
	for _, tt := range tests {
		var s readings
		r := s.begin(conv, "1")
		if s.take(msgs, "1") != r {
			t.Fatal("nothing to share")
		}
		s.end("1", r, tt.body, 0, tt.err)
		body, ok, err := r.wait(t.Context(), msgs)
		if ok != tt.ok || upstream.KindOf(err) != tt.kind || (body != nil) != (tt.body != nil) {
			t.Errorf("%s: %v, %v, %v", tt.name, body, ok, err)
		}
	}
}
