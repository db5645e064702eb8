package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// recorder adds up what callers saw.
type recorder struct {
	cursory bool // documents are not read, of which there are many at once

	mu       sync.Mutex
	took     []time.Duration   // of all answers; guarded by mu
	outcomes map[string]int    // what came of the requests; guarded by mu
	states   map[string]int    // "contact stale timeout" -> documents; guarded by mu
	contacts map[string]string // conversation -> its contact; guarded by mu
	whole    int               // complete documents; guarded by mu
	oldest   int               // age in seconds of the oldest part that was shown; guarded by mu
	foreign  []string          // answers with something of another tenant; guarded by mu
	untrue   []string          // documents that contradict themselves or what is known; guarded by mu
}

func newRecorder() *recorder {
	return &recorder{outcomes: map[string]int{}, states: map[string]int{}, contacts: map[string]string{}}
}

// The outcomes that are no errors' names.
const (
	answered = "200"
	hungUp   = "hung up"
	refused  = "kept from another tenant's"
)

// add takes down one request.
func (r *recorder) add(asked request, got reply) {
	var d document
	outcome := got.outcome()
	if outcome == answered && !r.cursory {
		if err := json.Unmarshal(got.body, &d); err != nil {
			outcome = "not JSON"
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if asked.foreign {
		r.addForeign(asked, outcome, got)
		return
	}
	r.outcomes[outcome]++
	if outcome == hungUp {
		return
	}
	r.took = append(r.took, got.took)
	switch {
	case outcome == answered && !r.cursory:
		r.addDocument(asked, d, got.body)
	case outcome == answered && bytes.Contains(got.body, []byte(`"complete":true`)):
		r.whole++
	}
}

// addForeign takes down a request for what is not the caller's. The caller
// holds mu.
func (r *recorder) addForeign(asked request, outcome string, got reply) {
	if outcome == answered || bytes.Contains(got.body, []byte(asked.tenant)) {
		r.foreign = append(r.foreign, fmt.Sprintf("%s was shown to another tenant", asked.id))
	}
	r.outcomes[refused]++
}

// addDocument takes down a document. The caller holds mu.
func (r *recorder) addDocument(asked request, d document, body []byte) {
	if d.TenantID != asked.tenant || bytes.Contains(body, []byte(otherTenant(asked.tenant))) {
		r.foreign = append(r.foreign, asked.id+" has something of another tenant")
	}
	e := d.Enrichment
	if e.Complete {
		r.whole++
	}
	for name, p := range map[string]part{"conversation": e.Conversation, "messages": e.Messages, "contact": e.Contact, "account": e.Account, "attentionItems": e.AttentionItems} {
		r.states[strings.TrimSpace(name+" "+p.State+" "+p.Reason)]++
		r.oldest = max(r.oldest, p.AgeSeconds)
	}
	known := cmp.Or(asked.contact, r.contacts[asked.id])
	if d.Contact != nil && known == "" {
		r.contacts[asked.id] = d.Contact.ID
	}
	if lie := d.lie(asked.id, known); lie != "" && len(r.untrue) < 20 {
		r.untrue = append(r.untrue, asked.id+": "+lie)
	}
}

// outcome names what came of a request.
func (r reply) outcome() string {
	switch {
	case r.hungUp:
		return hungUp
	case errors.Is(r.err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.Is(r.err, syscall.ECONNRESET):
		return "connection reset"
	case errors.Is(r.err, io.EOF), errors.Is(r.err, io.ErrUnexpectedEOF):
		return "connection closed"
	case r.err != nil:
		return "no answer"
	case r.status == http.StatusOK:
		return answered
	}
	var e struct{ Code string }
	_ = json.Unmarshal(r.body, &e) // an answer without a code has none
	return strings.TrimSpace(fmt.Sprintf("%d %s", r.status, e.Code))
}

// asked is how many requests waited for an answer.
func (r *recorder) asked() int { return r.count("") }

// count adds up the requests whose outcome begins so; those for what is not the
// caller's, and of callers who hung up, only by their own names.
func (r *recorder) count(prefix string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for outcome, of := range r.outcomes {
		if strings.HasPrefix(outcome, prefix) && (prefix != "" || outcome != refused && outcome != hungUp) {
			n += of
		}
	}
	return n
}

// failed is how many requests got no document.
func (r *recorder) failed() int { return r.asked() - r.count(answered) }

// success is the share of the requests that got a document.
func (r *recorder) success() float64 {
	return float64(r.count(answered)) / float64(max(1, r.asked()))
}

// degraded is the share of the documents that were not complete.
func (r *recorder) degraded() float64 {
	n := r.count(answered)
	r.mu.Lock()
	defer r.mu.Unlock()
	return 1 - float64(r.whole)/float64(max(1, n))
}

// state adds up the documents of which a part was so, as in "contact stale".
func (r *recorder) state(prefix string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for state, of := range r.states {
		if state == prefix || strings.HasPrefix(state, prefix+" ") {
			n += of
		}
	}
	return n
}

// quantile is the latency that a share of the requests did not exceed.
func (r *recorder) quantile(share float64) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.took) == 0 {
		return 0
	}
	slices.Sort(r.took)
	return r.took[min(len(r.took)-1, int(share*float64(len(r.took))))]
}

// text says what was seen, for people.
func (r *recorder) text() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var b strings.Builder
	for _, counts := range []map[string]int{r.outcomes, r.states} {
		for _, name := range slices.Sorted(maps.Keys(counts)) {
			fmt.Fprintf(&b, "  %7d %s\n", counts[name], name)
		}
	}
	for _, line := range slices.Concat(r.foreign, r.untrue) {
		fmt.Fprintf(&b, "  %s\n", line)
	}
	return b.String()
}
