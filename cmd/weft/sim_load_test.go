package main

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

// query is a request on its way.
type query struct {
	doc      simDoc
	replica  *replica
	suffix   string        // of the path, as "?include=contact"
	patience time.Duration // after which the caller hangs up; 0: never
}

// arrivals are requests that come whatever becomes of those before them: at
// random moments, as they do from many callers. Latency counts from the
// moment at which a request was to be sent.
type arrivals struct {
	rate float64 // a second
	pick func(*rand.Rand) query
}

// zipf asks all replicas in turn for conversations of which few are asked for
// often and most seldom.
func (s *sim) zipf(docs []simDoc) func(*rand.Rand) query { return s.zipfOn(docs, s.replicas...) }

// zipfOn is zipf for some of the replicas.
func (s *sim) zipfOn(docs []simDoc, replicas ...*replica) func(*rand.Rand) query {
	var law *rand.Zipf
	return func(random *rand.Rand) query {
		if law == nil {
			law = rand.NewZipf(random, 1.1, 4, uint64(len(docs)-1))
		}
		n := int(law.Uint64()) * 7 % len(docs) // so that no tenant has all of the hot ones
		return query{doc: docs[n], replica: replicas[random.IntN(len(replicas))]}
	}
}

// load lets requests come for so long, waits for the last answer, and returns
// what was seen.
func (s *sim) load(lasting time.Duration, all ...arrivals) *record {
	rec, seed := newRecord(s), s.seed.Add(1)
	var wg sync.WaitGroup
	for i, a := range all {
		random := rand.New(rand.NewPCG(seed, uint64(i)))
		if a.pick == nil {
			a.pick = s.zipf(s.docs)
		}
		wg.Go(func() {
			for end := time.Now().Add(lasting); ; {
				time.Sleep(time.Duration(random.ExpFloat64() * float64(time.Second) / a.rate))
				if !time.Now().Before(end) {
					return
				}
				q := a.pick(random)
				wg.Go(func() { s.send(q, rec) })
			}
		})
	}
	wg.Wait()
	return rec
}

// send makes one request and has its answer looked at.
func (s *sim) send(q query, rec *record) {
	ctx := s.t.Context()
	if q.patience > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithCancel(ctx) // no deadline, which the gateway would see coming
		defer cancel()
		defer time.AfterFunc(q.patience, cancel).Stop()
	}
	began := time.Now()
	answer := q.replica.ask(ctx, q.doc.tenant, "/api/conversations/"+q.doc.id+q.suffix)
	if ctx.Err() != nil {
		rec.hungUp()
		return
	}
	rec.note(q, answer, began)
}
