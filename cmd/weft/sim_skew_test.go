package main

import (
	"fmt"
	"testing"
	"time"

	"github.com/weft-gateway/weft/upstream/sandbox"
)

// skewed is what a replica whose clock is ahead leaves in Redis. A bubble has
// a clock of its own, so the two replicas are in two.
func skewed(ahead time.Duration) func(*testing.T) map[string]string {
	return func(t *testing.T) map[string]string {
		content := map[string]string{}
		inSim(t, skewOptions(nil), func(s *sim) {
			time.Sleep(ahead)
			s.warm()
			for _, key := range s.redis.mini.Keys() {
				if v, err := s.redis.mini.Get(key); err == nil {
					content[key] = v
				}
			}
		})
		return content
	}
}

func skewOptions(before func(*testing.T) map[string]string) simOptions {
	return simOptions{extra: quick, docs: 10, nativeOnly: true, before: before}
}

// clockFaults are rows about clocks that do not agree.
func clockFaults() []simFault {
	return []simFault{
		{
			"32", "clock ahead", "records in Redis are by a replica whose clock is nine minutes ahead", "shown, with an age of 0 and never of less; replaced once this clock is as far, and their time is over", skewOptions(skewed(9 * time.Minute)),
			func(s *sim) string {
				s.ahead = 10 * time.Minute
				rec := newRecord(s)
				for _, d := range s.of(sandbox.Globex) {
					s.send(query{doc: d, replica: s.replicas[0]}, rec)
				}
				early := s.load(20*time.Second, arrivals{rate: 3})
				s.all(rec, early)
				s.want(rec.count("contact cached") == rec.asked, "contacts: %v", rec.parts)
				time.Sleep(s.ahead)
				s.ahead = 0
				late := s.load(20*time.Second, arrivals{rate: 3})
				s.all(late)
				calls := s.sources.calls("crm")
				s.want(calls > 0, "never replaced: %v", late.parts)
				return fmt.Sprintf("%d of %d contacts from Redis; %d calls of the CRM ten minutes later", rec.count("contact cached"), rec.asked, calls)
			},
		},
		{
			"32", "clock far ahead", "records in Redis are by a replica whose clock is an hour ahead", "none of them is shown; 100 % answered", skewOptions(skewed(time.Hour)),
			func(s *sim) string {
				rec := newRecord(s)
				for _, d := range s.of(sandbox.Globex) {
					s.send(query{doc: d, replica: s.replicas[0]}, rec)
				}
				s.all(rec)
				s.only(rec, "contact", "fresh")
				return fmt.Sprintf("0 of %d contacts from Redis", rec.asked)
			},
		},
	}
}
