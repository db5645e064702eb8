package ops

import (
	"maps"
	"slices"
	"time"
)

// activityReport is the body of GET /activity.
type activityReport struct {
	Started       time.Time     `json:"started"`
	At            time.Time     `json:"at"`
	StepSeconds   int           `json:"stepSeconds"`
	WindowSeconds int           `json:"windowSeconds"` // of parts
	Totals        counts        `json:"totals"`        // since started
	Parts         []partReport  `json:"parts"`
	Upstreams     []touchReport `json:"upstreams"`
	Steps         []stepReport  `json:"steps"` // of the last hour, those without an answer left out
}

type partReport struct {
	Part    string            `json:"part"`
	States  map[string]uint64 `json:"states"`
	Reasons map[string]uint64 `json:"reasons"`
	P50Ms   *float64          `json:"p50Ms"` // nil: nothing was timed
	P95Ms   *float64          `json:"p95Ms"`
	P99Ms   *float64          `json:"p99Ms"`
}

type touchReport struct {
	Upstream string            `json:"upstream"`
	Degraded uint64            `json:"degraded"` // answers, since the start
	LastAt   time.Time         `json:"lastAt"`
	Tenants  []tenantTouch     `json:"tenants"`
	Reasons  map[string]uint64 `json:"reasons"`

	LastReason string `json:"lastReason"`
}

type tenantTouch struct {
	Tenant string    `json:"tenant"`
	LastAt time.Time `json:"lastAt"`
}

type stepReport struct {
	At time.Time `json:"at"`
	counts
	DegradedBy map[string]uint64  `json:"degradedBy"` // upstream -> answers, failed ones included
	FailedBy   map[string]uint64  `json:"failedBy"`   // upstream -> answers
	P95Ms      map[string]float64 `json:"p95Ms"`      // part -> time until it was there
}

func (p *partSum) report(name string) partReport {
	return partReport{
		Part: name, States: p.states, Reasons: p.reasons,
		P50Ms: p.times.quantile(.5), P95Ms: p.times.quantile(.95), P99Ms: p.times.quantile(.99),
	}
}

func (t *touch) report(name string) touchReport {
	r := touchReport{
		Upstream: name, Degraded: t.degraded, LastAt: t.last.UTC().Truncate(time.Millisecond),
		Tenants: []tenantTouch{}, Reasons: maps.Clone(t.reasons), LastReason: t.reason,
	}
	for _, id := range slices.Sorted(maps.Keys(t.tenants)) {
		r.Tenants = append(r.Tenants, tenantTouch{id, t.tenants[id].UTC().Truncate(time.Millisecond)})
	}
	return r
}

func (s *step) report() stepReport {
	r := stepReport{
		At: time.Unix(s.number*int64(stepWidth/time.Second), 0).UTC(), counts: s.sum,
		DegradedBy: maps.Clone(s.degraded), FailedBy: maps.Clone(s.failed), P95Ms: make(map[string]float64),
	}
	for name, p := range s.parts {
		if q := p.times.quantile(.95); q != nil {
			r.P95Ms[name] = *q
		}
	}
	return r
}

// timesSum counts times in steps of a quarter more each, from 1/4 ms on: a
// quantile is off by an eighth at most.
type timesSum struct {
	n       uint64
	buckets [timeBuckets]uint32
}

const (
	timeBuckets = 50
	firstTime   = 250 * time.Microsecond
	timeFactor  = 1.25
)

func (t *timesSum) add(d time.Duration) {
	i, bound := 0, float64(firstTime)
	for i < timeBuckets-1 && float64(d) > bound {
		i, bound = i+1, bound*timeFactor
	}
	t.buckets[i]++
	t.n++
}

func (t *timesSum) merge(o timesSum) {
	t.n += o.n
	for i, n := range o.buckets {
		t.buckets[i] += n
	}
}

// quantile returns the middle of the step that the quantile falls into, in
// milliseconds; nil: nothing was counted.
func (t *timesSum) quantile(q float64) *float64 {
	if t.n == 0 {
		return nil
	}
	rank, seen := uint64(q*float64(t.n)), uint64(0)
	upper := float64(firstTime)
	for _, n := range t.buckets {
		if seen += uint64(n); seen > rank || seen == t.n {
			break
		}
		upper *= timeFactor
	}
	ms := (upper + upper/timeFactor) / 2 / float64(time.Millisecond)
	return &ms
}
