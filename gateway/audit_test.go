package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weft-gateway/weft/enrich"
)

// sink takes what is written, once its gate, if it has one, is open.
type sink struct {
	gate chan struct{}
	mu   sync.Mutex
	b    bytes.Buffer
	err  error
}

func (s *sink) Write(p []byte) (int, error) {
	if s.gate != nil {
		<-s.gate
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return 0, s.err
	}
	return s.b.Write(p)
}

func (s *sink) lines(t *testing.T) []auditLine {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	var lines []auditLine
	for dec := json.NewDecoder(bytes.NewReader(s.b.Bytes())); ; {
		var l auditLine
		if err := dec.Decode(&l); errors.Is(err, io.EOF) {
			return lines
		} else if err != nil {
			t.Fatalf("%v in\n%s", err, s.b.Bytes())
		}
		lines = append(lines, l)
	}
}

func newAudit(t *testing.T, cfg AuditConfig) *Audit {
	t.Helper()
	a, err := NewAudit(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// audited is a harness with an audit log, whose documents show the given ids.
func audited(t *testing.T, shown enrich.Shown, a *Audit) *harness {
	t.Helper()
	h := newHarness(t, func(c *Config) { c.Audit = a })
	read, list := h.fake.conversation, h.fake.list
	h.fake.conversation = func(ctx context.Context, t *enrich.Tenant, r enrich.Request) (*enrich.Document, error) {
		d, err := read(ctx, t, r)
		if err == nil {
			d.Shown = shown
		}
		return d, err
	}
	h.fake.list = func(ctx context.Context, t *enrich.Tenant, r enrich.ListRequest) (*enrich.Document, error) {
		d, err := list(ctx, t, r)
		d.Shown = enrich.Shown{Conversations: []string{"c1", "c2"}}
		return d, err
	}
	return h
}

func TestAudit(t *testing.T) {
	for _, hash := range []bool{false, true} {
		contact, erased := "ct-1", "ct-2"
		if hash { // printf acme/ct-1 | sha256sum | cut -c-32
			contact, erased = "d95948ca6c004f6b55f6f38bea75171b", "0dbdaa6828f1175140b8bdc07cc6fb0c"
		}
		synctest.Test(t, func(t *testing.T) {
			out := &sink{}
			a := newAudit(t, AuditConfig{Out: out, Hash: hash})
			h := audited(t, enrich.Shown{Conversations: []string{knownID}, Contacts: []string{"ct-1"}, Accounts: []string{"ac-1"}}, a)
			id := []string{"X-Request-Id", "request-1"}
			first := h.get(conversationTarget, id...)
			h.get(conversationTarget, append(id, "If-None-Match", first.header.Get("ETag"))...)
			h.get(listTarget, id...)
			h.erase("ct-2", id...)
			// Nobody is shown anything here.
			h.get(conversationsPath+"/"+unknownID, id...)
			h.get(listTarget+"?x=1", id...)
			h.do("GET", conversationTarget)
			h.do("GET", conversationTarget, "Authorization", "Bearer "+blindKey)
			h.get("/livez")
			a.Close()

			line := auditLine{
				Time: time.Now().UTC(), Action: actionRead, Tenant: "acme", Key: "inbox", RequestID: "request-1", Method: "GET", Status: 200,
				Conversations: []string{knownID}, Contacts: []string{contact}, Accounts: []string{"ac-1"},
			}
			same, list, erase := line, line, line
			same.Status = 304
			list.Action, list.Conversations, list.Contacts, list.Accounts = actionList, []string{"c1", "c2"}, []string{}, []string{}
			erase.Action, erase.Key, erase.Method, erase.Status = actionErase, "eraser", "DELETE", 204
			erase.Conversations, erase.Contacts, erase.Accounts = []string{}, []string{erased}, []string{}
			want, got := []auditLine{line, same, list, erase}, out.lines(t)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("hash %v: lines (-want +got):\n%s", hash, diff)
			}
			if s := a.Stats(); s != (AuditStats{Written: 4}) {
				t.Errorf("stats %+v", s)
			}
		})
	}
}

// TestAuditNeverBlocks: nobody waits for a log that takes nothing.
func TestAuditNeverBlocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &sink{gate: make(chan struct{})}
		a := newAudit(t, AuditConfig{Out: out})
		h := audited(t, enrich.Shown{}, a)
		const extra = 10
		asked := time.Now()
		h.get(conversationTarget)
		synctest.Wait() // the writer is stuck with that
		for range auditQueue + extra {
			a.note(&exchange{}, httptest.NewRequest("GET", "/", nil), actionRead, enrich.Shown{})
		}
		if a := h.get(conversationTarget); a.status != 200 {
			t.Errorf("%d", a.status)
		}
		if took := time.Since(asked); took != 0 {
			t.Errorf("waited for %v", took)
		}
		if got := a.Stats().Dropped; got != extra+1 {
			t.Errorf("%d dropped, want %d", got, extra+1)
		}
		begun := time.Now()
		a.Close()
		if took := time.Since(begun); took != auditFlush {
			t.Errorf("closing took %v, want %v", took, auditFlush)
		}
		close(out.gate) // or the writer would stay for ever
		<-a.done
	})
}

func TestAuditThatCannotBeWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &sink{err: errors.New("disk full")}
		a := newAudit(t, AuditConfig{Out: out})
		h := audited(t, enrich.Shown{}, a)
		h.get(conversationTarget)
		synctest.Wait()
		out.mu.Lock()
		out.err = nil
		out.mu.Unlock()
		h.get(conversationTarget)
		a.Close()
		if s := a.Stats(); s != (AuditStats{Written: 1, Failed: 1}) {
			t.Errorf("stats %+v", s)
		}
		if n := len(out.lines(t)); n != 1 {
			t.Errorf("%d lines, want the one since the disk has room", n)
		}
	})
}

// disk has room for so many bytes.
type disk struct {
	bytes.Buffer
	room int
}

func (d *disk) Write(p []byte) (int, error) {
	n := min(len(p), d.room)
	d.room -= n
	d.Buffer.Write(p[:n])
	if n < len(p) {
		return n, io.ErrShortWrite
	}
	return n, nil
}

// A line that breaks off costs no other line.
func TestAuditLineThatBreaksOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &disk{room: 50}
		a := newAudit(t, AuditConfig{Out: out})
		h := audited(t, enrich.Shown{}, a)
		h.get(conversationTarget) // half of it is written
		h.get(conversationTarget) // nothing is
		synctest.Wait()
		out.room = 1 << 20 // nothing is being written now
		h.get(conversationTarget)
		h.get(conversationTarget)
		a.Close()
		if s := a.Stats(); s != (AuditStats{Written: 2, Failed: 2}) {
			t.Errorf("stats %+v", s)
		}
		lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
		whole := 0
		for _, l := range lines {
			if json.Valid([]byte(l)) {
				whole++
			}
		}
		if len(lines) != 3 || whole != 2 {
			t.Errorf("%d lines, %d of them whole; want half a one, and two", len(lines), whole)
		}
	})
}
