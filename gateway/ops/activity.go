package ops

import (
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"
)

// The activity is kept for an hour, in steps of ten seconds.
const (
	stepWidth  = 10 * time.Second
	stepCount  = 360
	timeWindow = 10 * time.Minute // of the quantiles that GET /activity sums up
)

// Answer is what one request for a document or a list came to.
type Answer struct {
	Tenant string
	Failed bool // there was no document at all
	Parts  []AnswerPart
}

// AnswerPart is one part of an answer.
type AnswerPart struct {
	Part, State, Reason string
	Upstream            string        // whose it is, as breakers are named; "" where none was involved
	Whole               bool          // it is all that its source has, or nobody's failure made it less
	Took                time.Duration // since the start of the request; 0: not known
}

// Activity sums up what callers were answered, so that it can be told whom a
// failing upstream touches. The zero Activity is not usable; see [NewActivity].
// Its methods may be called concurrently.
type Activity struct {
	mu      sync.Mutex
	started time.Time
	steps   [stepCount]*step // the one of a moment is at its number modulo the count
	totals  counts
	touched map[string]*touch // upstream -> since the start
}

type counts struct {
	Answers  uint64 `json:"answers"`
	Degraded uint64 `json:"degraded"` // a part was stale, unavailable or forbidden
	Failed   uint64 `json:"failed"`   // there was no document
}

// step is ten seconds.
type step struct {
	number   int64
	sum      counts
	parts    map[string]*partSum
	degraded map[string]uint64 // upstream -> answers that it degraded or failed
	failed   map[string]uint64 // upstream -> those of them that it failed
}

// partSum counts one part.
type partSum struct {
	states, reasons map[string]uint64
	times           timesSum
}

// touch is what became of answers because of one upstream.
type touch struct {
	degraded uint64
	last     time.Time
	tenants  map[string]time.Time // when each was touched last
	reasons  map[string]uint64
	reason   string // the latest; "": none was given so far
}

// NewActivity returns an empty Activity.
func NewActivity() *Activity {
	return &Activity{started: time.Now(), touched: make(map[string]*touch)}
}

// Add counts an answer.
func (a *Activity) Add(answer Answer) {
	now := time.Now()
	a.mu.Lock()
	defer a.mu.Unlock()
	s := a.step(now)
	var blamed []string
	for _, p := range answer.Parts {
		s.part(p)
		if p.Whole {
			continue
		}
		if !slices.Contains(blamed, p.Upstream) {
			blamed = append(blamed, p.Upstream)
		}
		a.touch(p, answer.Tenant, now)
	}
	for _, name := range blamed {
		s.degraded[name]++
		a.touched[name].degraded++
		if answer.Failed {
			s.failed[name]++
		}
	}
	for _, c := range []*counts{&s.sum, &a.totals} {
		c.Answers++
		switch {
		case answer.Failed:
			c.Failed++
		case len(blamed) > 0:
			c.Degraded++
		}
	}
}

// step returns the step of now. The caller holds mu.
func (a *Activity) step(now time.Time) *step {
	n := now.Unix() / int64(stepWidth/time.Second)
	s := a.steps[n%stepCount]
	if s == nil || s.number != n {
		s = &step{number: n, parts: make(map[string]*partSum), degraded: make(map[string]uint64), failed: make(map[string]uint64)}
		a.steps[n%stepCount] = s
	}
	return s
}

func (s *step) part(p AnswerPart) {
	sum := s.parts[p.Part]
	if sum == nil {
		sum = newPartSum()
		s.parts[p.Part] = sum
	}
	sum.states[p.State]++
	if p.Reason != "" {
		sum.reasons[p.Reason]++
	}
	if p.Took > 0 {
		sum.times.add(p.Took)
	}
}

func newPartSum() *partSum {
	return &partSum{states: make(map[string]uint64), reasons: make(map[string]uint64)}
}

// touch notes whom an upstream has touched. The caller holds mu.
func (a *Activity) touch(p AnswerPart, tenant string, now time.Time) {
	t := a.touched[p.Upstream]
	if t == nil {
		t = &touch{tenants: make(map[string]time.Time), reasons: make(map[string]uint64)}
		a.touched[p.Upstream] = t
	}
	t.last, t.tenants[tenant] = now, now
	if p.Reason != "" {
		t.reasons[p.Reason]++
		t.reason = p.Reason
	}
}

// window returns the steps since a moment, oldest first. The caller holds mu.
func (a *Activity) window(since, now time.Time) []*step {
	first := since.Unix() / int64(stepWidth/time.Second)
	last := now.Unix() / int64(stepWidth/time.Second)
	var list []*step
	for n := max(first, last-stepCount+1); n <= last; n++ {
		if s := a.steps[n%stepCount]; s != nil && s.number == n {
			list = append(list, s)
		}
	}
	return list
}

// activity answers what was answered lately.
func (s *Server) activity(w http.ResponseWriter, _ *http.Request) {
	send(w, http.StatusOK, s.cfg.Activity.report(time.Now()))
}

func (a *Activity) report(now time.Time) activityReport {
	a.mu.Lock()
	defer a.mu.Unlock()
	r := activityReport{
		Started: a.started.UTC().Truncate(time.Millisecond), At: now.UTC().Truncate(time.Millisecond), StepSeconds: int(stepWidth / time.Second),
		WindowSeconds: int(timeWindow / time.Second), Totals: a.totals,
		Parts: []partReport{}, Upstreams: []touchReport{}, Steps: []stepReport{},
	}
	for _, s := range a.window(now.Add(-stepCount*stepWidth), now) {
		r.Steps = append(r.Steps, s.report())
	}
	recent := make(map[string]*partSum)
	for _, s := range a.window(now.Add(-timeWindow), now) {
		for name, p := range s.parts {
			if recent[name] == nil {
				recent[name] = newPartSum()
			}
			recent[name].merge(p)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(recent)) {
		r.Parts = append(r.Parts, recent[name].report(name))
	}
	for _, name := range slices.Sorted(maps.Keys(a.touched)) {
		r.Upstreams = append(r.Upstreams, a.touched[name].report(name))
	}
	return r
}

func (p *partSum) merge(o *partSum) {
	for k, n := range o.states {
		p.states[k] += n
	}
	for k, n := range o.reasons {
		p.reasons[k] += n
	}
	p.times.merge(o.times)
}
