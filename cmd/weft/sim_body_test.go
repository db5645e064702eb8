package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/weft-gateway/weft/upstream/sandbox"
)

// The CRM answers, and wrongly.
func crmBodyFaults() []simFault {
	opt := simOptions{extra: quick}
	return []simFault{
		{"9", "CRM HTML", "the CRM answers 200 with a page of HTML", "100 % answered; none of it in Redis; fresh again within 7 s", opt, wrongBody(sandbox.BodyHTML, "bad_response", "doctype")},
		{"10", "CRM truncated JSON", "the CRM answers half of its JSON", "as 9", opt, wrongBody(sandbox.BodyTruncated, "bad_response", "")},
		{"10", "CRM cut body", "the CRM's connection ends within the body", "as 9", opt, wrongBody(sandbox.BodyReset, "bad_response", "")},
		{"11", "CRM 200 MB", "the CRM answers 200 MB of JSON", "each call cut after 4 MiB; 100 % answered", simOptions{extra: quick, docs: 5}, hugeBody(sandbox.BodyHuge, 5<<20)},
		{"11", "CRM gzip bomb", "the CRM answers 200 kB of gzip that hold 200 MB", "each call cut after 4 MiB of what it holds; 100 % answered", simOptions{extra: quick, docs: 5}, hugeBody(sandbox.BodyGzipBomb, 256<<10)},
		{
			"12", "CRM drips", "the CRM sends ten bytes a second", "nobody waits beyond the deadline of 1 s and 20 ms; with a copy p99 at most 100 ms", opt,
			func(s *sim) string {
				s.warm()
				s.dial(s.box.CRM(), "", sandbox.Dial{Body: sandbox.BodyDrip})
				return s.stalled("timeout")
			},
		},
		{"13", "CRM other tenant", "the CRM answers with the record that was asked for, as another tenant's", "none of them shown; 100 % answered; no breaker opens", opt, wrongRecord(sandbox.Dial{Body: sandbox.BodyOtherTenant})},
		{
			"14", "CRM resets", "5 % of the CRM's connections end within the body", "100 % answered; of contacts without a copy at least 98 % fresh: the retry meets the fault too; no breaker opens", simOptions{nativeOnly: true},
			func(s *sim) string {
				s.dial(s.box.CRM(), "", sandbox.Dial{Rate: .05, Body: sandbox.BodyReset})
				rec := s.load(2*time.Minute, arrivals{rate: 4, pick: contactOnly(s.cold())})
				s.all(rec)
				fresh := 100 * float64(rec.count("contact fresh")) / float64(rec.asked)
				s.want(fresh >= 98, "%.1f %% of contacts fresh", fresh)
				s.want(s.opened("rest") == 0, "a breaker opened")
				s.want(s.sources.calls("crm") > rec.asked, "no call was repeated")
				return fmt.Sprintf("%.2f %% of %d contacts fresh; %.2f calls for each", fresh, rec.asked, float64(s.sources.calls("crm"))/float64(rec.asked))
			},
		},
		{
			"15", "CRM duplicate keys", "the CRM's records have an id twice, and once more in capitals", "100 % answered; no record but the one that was asked for is shown", opt,
			func(s *sim) string {
				s.warm()
				s.dial(s.box.CRM(), "", sandbox.Dial{Body: sandbox.BodyDuplicateKeys})
				rec := s.load(40*time.Second, arrivals{rate: 4}, arrivals{rate: .5, pick: s.cold()})
				s.all(rec)
				return fmt.Sprintf("%.2f %% of %d; %d foreign records", rec.share(), rec.asked, rec.foreign)
			},
		},
		{"15", "CRM deep JSON", "the CRM answers JSON 10,000 levels deep", "as 9", opt, wrongBody(sandbox.BodyDeep, "bad_response", "")},
		{"13", "CRM wrong record", "the CRM answers with other records than were asked for", "none of them shown; 100 % answered; no breaker opens", opt, wrongRecord(sandbox.Dial{Body: sandbox.BodyWrongRecord})},
	}
}

// wrongBody is the test of a body that cannot be read.
func wrongBody(body sandbox.Body, reason, trace string) func(*sim) string {
	return func(s *sim) string {
		s.warm()
		s.dial(s.box.CRM(), "", sandbox.Dial{Body: body})
		rec := s.load(45*time.Second, arrivals{rate: 3}, arrivals{rate: .5, pick: s.cold()})
		s.all(rec)
		s.only(rec, "contact", "cached", "stale/"+reason, "stale/upstream_error", "stale/breaker_open", "stale/revalidating",
			"unavailable/"+reason, "unavailable/upstream_error", "unavailable/breaker_open")
		s.want(rec.count("contact stale/"+reason, "contact unavailable/"+reason) > 0, "the fault was not met: %v", rec.parts)
		kept := 0
		for _, key := range s.redis.mini.Keys() {
			if v, err := s.redis.mini.Get(key); err == nil && trace != "" && strings.Contains(v, trace) {
				kept++
			}
		}
		s.want(kept == 0, "%d such answers are in Redis", kept)
		s.dial(s.box.CRM(), "", sandbox.Dial{})
		back := s.recover(4)
		return fmt.Sprintf("%.2f %% of %d; %d kept; fresh again %v after", rec.share(), rec.asked, kept, ms(back))
	}
}

// hugeBody is the test of a body without end. The limit is of what the CRM
// could send of it, in bytes.
func hugeBody(body sandbox.Body, limit int64) func(*sim) string {
	return func(s *sim) string {
		s.warm()
		s.dial(s.box.CRM(), "", sandbox.Dial{Body: body})
		rec := s.load(40*time.Second, arrivals{rate: 1}, arrivals{rate: .2, pick: s.cold()})
		s.all(rec)
		s.only(rec, "contact", "cached", "stale/bad_response", "stale/breaker_open", "stale/revalidating", "unavailable/bad_response", "unavailable/breaker_open")
		s.want(rec.count("contact stale/bad_response", "contact unavailable/bad_response") > 0, "the fault was not met: %v", rec.parts)
		most := s.sources.longest.Load()
		s.want(most <= limit, "%d bytes were taken of one answer", most)
		return fmt.Sprintf("%.2f %% of %d; at most %d KiB taken of an answer", rec.share(), rec.asked, most>>10)
	}
}

// wrongRecord is the test of records that are not what was asked for.
func wrongRecord(d sandbox.Dial) func(*sim) string {
	return func(s *sim) string { return s.wrongRecord(d) }
}

func (s *sim) wrongRecord(d sandbox.Dial) string {
	s.warm()
	s.dial(s.box.CRM(), "", d)
	rec := s.load(40*time.Second, arrivals{rate: 4}, arrivals{rate: 1, pick: s.cold()})
	s.all(rec)
	s.only(rec, "contact", "cached", "stale/wrong_record", "stale/revalidating", "unavailable/wrong_record")
	s.want(rec.count("contact stale/wrong_record", "contact unavailable/wrong_record") > 0, "the fault was not met: %v", rec.parts)
	s.want(s.opened("rest") == 0, "a breaker opened")
	s.dial(s.box.CRM(), "", sandbox.Dial{})
	back := s.recover(4)
	return fmt.Sprintf("%d foreign records in %d documents; fresh again %v after", rec.foreign, rec.asked, ms(back))
}
