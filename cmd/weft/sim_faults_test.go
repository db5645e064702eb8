package main

import (
	"cmp"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weft-gateway/weft/cache"
	"github.com/weft-gateway/weft/upstream/sandbox"
)

// simFault is a row of the catalogue of faults: what is broken, what has to
// hold then, and the test of it, which returns what was measured.
type simFault struct {
	row   string // of the catalogue; two joined by + are both at once
	name  string
	fault string
	pass  string
	opt   simOptions
	run   func(*sim) string
}

// TestFaults breaks one thing after the other, and some two at once, under
// load in virtual time.
func TestFaults(t *testing.T) {
	cache.LogRedis(slog.New(slog.DiscardHandler))
	page := newFaultPage(t, "simulation")
	all := slices.Concat(crmFaults(), crmBodyFaults(), storeFaults(), redisFaults(), sharedFaults(), loadFaults(), edgeFaults(), clockFaults(), pairFaults())
	slices.SortStableFunc(all, func(a, b simFault) int { return cmp.Compare(order(a.row), order(b.row)) })
	for i, f := range all {
		t.Run(f.row+"-"+strings.ReplaceAll(f.name, " ", "-"), func(t *testing.T) {
			t.Parallel()
			inSim(t, f.opt, func(s *sim) {
				measured := f.run(s)
				t.Log(measured)
				page.add(i, f, measured, !t.Failed())
			})
		})
	}
}

// want fails the test unless ok.
func (s *sim) want(ok bool, format string, args ...any) {
	s.t.Helper()
	if !ok {
		s.t.Errorf(format, args...)
	}
}

// honest fails the test for each document that was not true.
func (s *sim) honest(recs ...*record) {
	s.t.Helper()
	for _, rec := range recs {
		s.want(rec.foreign == 0, "%d foreign records", rec.foreign)
		for _, lie := range rec.lies {
			s.t.Errorf("untrue: %s", lie)
		}
		if s.t.Failed() {
			s.t.Logf("seen: %v", rec)
		}
	}
}

// all fails the test unless every request was answered with a document.
func (s *sim) all(recs ...*record) {
	s.t.Helper()
	s.honest(recs...)
	for _, rec := range recs {
		s.want(rec.asked > 0 && rec.status[200] == rec.asked-rec.gone, "%d of %d requests answered: %v %v", rec.status[200], rec.asked-rec.gone, rec.status, rec.codes)
	}
}

// only fails the test if a part was anything but what is listed.
func (s *sim) only(rec *record, part string, want ...string) {
	s.t.Helper()
	if others := rec.others(part, want...); len(others) > 0 {
		s.t.Errorf("%s was also %s", part, strings.Join(others, ", "))
	}
}

// cold asks for conversations that nobody has asked for before.
func (s *sim) cold(replicas ...*replica) func(*rand.Rand) query {
	if len(replicas) == 0 {
		replicas = s.replicas
	}
	return func(random *rand.Rand) query {
		tenant := s.tenant(sandbox.Globex)
		id := s.addDoc(tenant, fmt.Sprintf("cold-%d", s.made.Add(1)))
		return query{doc: simDoc{tenant.ID, id}, replica: replicas[random.IntN(len(replicas))]}
	}
}

func (s *sim) tenant(id string) sandbox.Tenant {
	all := s.box.Tenants()
	return all[slices.IndexFunc(all, func(t sandbox.Tenant) bool { return t.ID == id })]
}

// of are the warm conversations of a tenant.
func (s *sim) of(tenant string) (docs []simDoc) {
	for _, d := range s.docs {
		if d.tenant == tenant {
			docs = append(docs, d)
		}
	}
	return docs
}

// within fails the test unless nothing of a fault is seen any more some time
// after it was mended at a time, and returns when that was.
func (s *sim) within(limit time.Duration, rec *record, mended time.Time) time.Duration {
	s.t.Helper()
	took := rec.settled(mended)
	s.want(took <= limit, "the fault showed for %v after it was mended, want at most %v", took, limit)
	return took
}

// recover lets requests come after a fault was mended just now, and fails the
// test if it is still to be seen after seven seconds.
func (s *sim) recover(rate float64) time.Duration {
	s.t.Helper()
	mended := time.Now()
	rec := s.load(15*time.Second, arrivals{rate: rate})
	s.honest(rec)
	return s.within(7*time.Second, rec, mended)
}
