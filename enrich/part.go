package enrich

import (
	"errors"
	"math"
	"time"

	"github.com/weft-gateway/weft/cache"
	"github.com/weft-gateway/weft/upstream"
)

// Part names a piece of the document.
type Part string

// The parts, by their names in the document.
const (
	PartConversation   Part = "conversation"
	PartMessages       Part = "messages"
	PartContact        Part = "contact"
	PartAccount        Part = "account"
	PartAttentionItems Part = "attentionItems"
)

// State says how a part was obtained.
type State string

// The states: a closed enum of the public document.
const (
	Fresh       State = "fresh"       // the source answered for this request
	Cached      State = "cached"      // a copy within its time
	Stale       State = "stale"       // a copy past it: the source could not be asked, or is being asked now
	Missing     State = "missing"     // the source says that there is none
	Unlinked    State = "unlinked"    // the conversation has no key for it
	Forbidden   State = "forbidden"   // the source refused this tenant
	Unavailable State = "unavailable" // nothing to show
	Skipped     State = "skipped"     // not asked for
)

// Ambiguous is the one reason that only a link has: two contacts carry its key.
const Ambiguous upstream.Kind = "ambiguous"

// Revalidating is the reason of a stale part whose source is being asked now.
const Revalidating upstream.Kind = "revalidating"

// Report is what the document says of one part.
type Report struct {
	State      State
	Source     string        // connector kind; "" where no source was involved
	AsOf       time.Time     // when the source answered; zero when it did not
	Age        time.Duration // where cached, stale, or remembered as missing; the document has it for the first two
	Reason     upstream.Kind // only where stale, unavailable or forbidden
	RetryAfter time.Duration // 0: not known
	Took       time.Duration // until the part was settled, from the start of the request
}

// Whole reports whether the part, if asked for, is all that the source has.
func (r Report) Whole() bool {
	return r.State != Stale && r.State != Unavailable && r.State != Forbidden
}

// appendSettled writes the part of the report that an entity tag covers: fresh and
// cached count as the same, ages and times do not count.
func (r Report) appendSettled(b []byte) []byte {
	s := r.State
	if s == Cached {
		s = Fresh
	}
	return append(append(append(b, s...), '/'), r.Reason...)
}

func skipped() Report { return Report{State: Skipped} }

// failed reports a part that cannot be shown.
func failed(source string, err error) Report {
	r := Report{State: Unavailable, Source: source, Reason: reasonOf(err), RetryAfter: upstream.RetryAfter(err)}
	if r.Reason == upstream.Denied {
		r.State = Forbidden
	}
	return r
}

// reasonOf turns an error into a reason of the closed enum.
func reasonOf(err error) upstream.Kind {
	if _, ok := errors.AsType[*UnprovenError](err); ok || errors.Is(err, errUnlisted) {
		return Revalidating // the walks that list it again go on
	}
	switch {
	case errors.Is(err, cache.ErrRevalidating):
		return Revalidating
	case errors.Is(err, cache.ErrBusy):
		return upstream.Overloaded
	}
	switch k := upstream.KindOf(err); k {
	case upstream.Canceled:
		return upstream.Deadline // the caller is gone: nobody reads this
	case upstream.NotFound:
		return upstream.BadResponse // an undocumented place to say so
	default:
		return k
	}
}

// append writes the report as JSON.
func (r Report) append(b []byte) []byte {
	b = append(b, `{"state":"`...)
	b = append(b, r.State...)
	b = append(b, '"')
	if r.Source != "" {
		b = append(b, `,"source":`...)
		b = appendString(b, r.Source)
	}
	if !r.AsOf.IsZero() {
		b = append(b, `,"asOf":`...)
		b = upstream.At(r.AsOf).Append(b)
	}
	if r.State == Cached || r.State == Stale {
		b = append(b, `,"ageSeconds":`...)
		b = appendInt(b, int(r.Age/time.Second))
	}
	if r.Reason != "" {
		b = append(b, `,"reason":"`...)
		b = append(b, r.Reason...)
		b = append(b, '"')
	}
	if r.RetryAfter > 0 {
		b = append(b, `,"retryAfterSeconds":`...)
		b = appendInt(b, int(math.Ceil(r.RetryAfter.Seconds())))
	}
	return append(b, '}')
}
