package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// record is what was seen of some answers.
type record struct {
	sim *sim

	mu       sync.Mutex
	asked    int
	gone     int // callers that hung up
	degraded int // 200, but not complete
	status   map[int]int
	codes    map[string]int // of errors
	parts    map[string]int // part, state, and reason if there is one
	took     []time.Duration
	oldest   map[string]time.Duration // part -> age of the oldest record that was shown
	lies     []string                 // what a document said and was not so
	foreign  int                      // records of another tenant or id than was asked for
	faulty   time.Time                // when the last request began that met a fault of a source
	tenants  map[string][]time.Duration
}

func newRecord(s *sim) *record {
	return &record{sim: s, status: map[int]int{}, codes: map[string]int{}, parts: map[string]int{},
		oldest: map[string]time.Duration{}, tenants: map[string][]time.Duration{}}
}

func (rec *record) hungUp() {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	rec.asked++
	rec.gone++
}

// note takes down an answer that came just now.
func (rec *record) note(q query, a *httptest.ResponseRecorder, began time.Time) {
	now := time.Now()
	rec.mu.Lock()
	defer rec.mu.Unlock()
	rec.asked++
	rec.status[a.Code]++
	rec.took = append(rec.took, now.Sub(began))
	if a.Code != http.StatusOK {
		var e struct{ Code string }
		_ = json.Unmarshal(a.Body.Bytes(), &e) // without a code it counts as ""
		rec.codes[e.Code]++
		rec.faulty = later(rec.faulty, began)
		return
	}
	rec.tenants[q.doc.tenant] = append(rec.tenants[q.doc.tenant], now.Sub(began))
	rec.foreign += strangers(q.doc.tenant, a.Body.String())
	var d simDocument
	if err := json.Unmarshal(a.Body.Bytes(), &d); err != nil {
		rec.lie("not JSON: %v", err)
		return
	}
	if !d.Enrichment.Complete {
		rec.degraded++
	}
	if d.ID != q.doc.id || d.TenantID != q.doc.tenant {
		rec.foreign++
	}
	rec.judge(q, &d, began, now)
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

func (rec *record) lie(format string, args ...any) {
	if len(rec.lies) < 10 {
		rec.lies = append(rec.lies, fmt.Sprintf(format, args...))
	}
}

var marks = regexp.MustCompile(`mark (\S+) (\S+) (\d{19})`)

// strangers counts what is another tenant's in an answer.
func strangers(tenant, body string) (n int) {
	for _, m := range marks.FindAllStringSubmatch(body, -1) {
		if m[1] != tenant {
			n++
		}
	}
	return n
}

// stamped reads a mark: which record it is of, and when its source answered.
func stamped(text string) (id string, at time.Time, ok bool) {
	m := marks.FindStringSubmatch(text)
	if m == nil {
		return "", at, false
	}
	nanos, err := strconv.ParseInt(m[3], 10, 64)
	return m[2], time.Unix(0, nanos), err == nil
}

// share is the part of the requests that were answered with a document, of
// those whose caller waited, in percent.
func (rec *record) share() float64 {
	return 100 * float64(rec.status[http.StatusOK]) / float64(rec.asked-rec.gone)
}

// quantile is the latency that q of the answers stayed within.
func (rec *record) quantile(q float64) time.Duration { return quantile(rec.took, q) }

func quantile(took []time.Duration, q float64) time.Duration {
	if len(took) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(took))
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}

// count sums the parts whose description begins so.
func (rec *record) count(prefixes ...string) (n int) {
	for what, count := range rec.parts {
		if slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(what, p) }) {
			n += count
		}
	}
	return n
}

// faults counts the parts that were not what their source has, unless it was
// being asked just then.
func (rec *record) faults() (n int) {
	for what, count := range rec.parts {
		_, state, _ := strings.Cut(what, " ")
		state, reason, _ := strings.Cut(state, "/")
		if reason != "" && reason != "revalidating" && state != "unlinked" {
			n += count
		}
	}
	return n
}

// others are the descriptions of a part that are none of those given.
func (rec *record) others(part string, want ...string) (list []string) {
	for _, what := range slices.Sorted(maps.Keys(rec.parts)) {
		own, ok := strings.CutPrefix(what, part+" ")
		if ok && !slices.Contains(want, own) {
			list = append(list, fmt.Sprintf("%s (%d)", own, rec.parts[what]))
		}
	}
	return list
}

// settled is how long after since the last request began that met a fault.
func (rec *record) settled(since time.Time) time.Duration {
	if rec.faulty.Before(since) {
		return 0
	}
	return rec.faulty.Sub(since)
}

// String implements [fmt.Stringer].
func (rec *record) String() string {
	return fmt.Sprintf("%d asked, %.2f %% answered, %d degraded; p50 %v, p99 %v, max %v; status %v %v; parts %v; oldest %v; foreign %d",
		rec.asked, rec.share(), rec.degraded, ms(rec.quantile(.5)), ms(rec.quantile(.99)), ms(rec.quantile(1)), rec.status, rec.codes, rec.parts, rec.oldest, rec.foreign)
}

func ms(d time.Duration) time.Duration { return d.Round(time.Millisecond) }
