package gateway

import (
	"net/http"
	"strconv"
	"time"

	"github.com/weft-gateway/weft/enrich"
	"github.com/weft-gateway/weft/upstream"
)

// sendDocument answers a document, or that the caller's copy of it is current.
func (s *Server) sendDocument(x *exchange, r *http.Request, d *enrich.Document) {
	// The values are parts of one string, which is made at once.
	var buf [768]byte
	b := appendTag(buf[:0], d.Tag)
	tag := len(b)
	b = appendTiming(b, d)
	timing := len(b)
	b = appendCacheStatus(b, d.Parts)
	text := string(b)
	h := x.Header()
	x.set(h, "Etag", valueTag, text[:tag])
	h["Cache-Control"] = s.shared.noCache
	if anyMatches(r.Header["If-None-Match"], text[:tag]) {
		x.WriteHeader(http.StatusNotModified)
		return
	}
	h["Content-Type"] = s.shared.json
	x.set(h, "Server-Timing", valueTiming, text[tag:timing])
	x.set(h, "Cache-Status", valueCache, text[timing:])
	send(x, r, http.StatusOK, d.Body)
}

// appendTiming says when each part was settled and what it came to, in
// milliseconds from the start.
func appendTiming(b []byte, d *enrich.Document) []byte {
	for i := range d.Parts {
		p := &d.Parts[i]
		if p.State == enrich.Skipped {
			continue
		}
		b = appendDuration(append(b, p.Name...), p.Took)
		b = append(append(b, `;desc="`...), p.State...)
		b = append(b, `", `...)
	}
	return appendDuration(append(b, "total"...), d.Took)
}

func appendDuration(b []byte, d time.Duration) []byte {
	b = append(b, ";dur="...)
	return strconv.AppendFloat(b, float64(d)/float64(time.Millisecond), 'f', 1, 64)
}

// appendCacheStatus says of each part that involved a source whether the
// gateway's cache was enough, as a list in the form of RFC 9211.
func appendCacheStatus(b []byte, parts []enrich.NamedReport) []byte {
	begin := len(b)
	for i := range parts {
		p := &parts[i]
		how := forwarding(&p.Report)
		if how == "" {
			continue
		}
		if len(b) > begin {
			b = append(b, ", "...)
		}
		b = append(append(b, "weft-"...), p.Name...)
		b = append(append(b, "; "...), how...)
		if p.Reason != "" {
			b = append(append(b, "; detail="...), p.Reason...)
		}
	}
	return b
}

// forwarding tells whether the answer waited for the source ("fwd=") or not
// ("hit"); "" where there was nothing to ask.
func forwarding(r *enrich.Report) string {
	switch r.State {
	case enrich.Skipped, enrich.Unlinked:
		return ""
	case enrich.Cached:
		return "hit"
	case enrich.Stale:
		switch r.Reason {
		case enrich.Revalidating, upstream.BreakerOpen, upstream.Deadline, upstream.Overloaded:
			return "hit" // nobody was asked for this answer
		}
		return "fwd=stale"
	}
	if r.Age > 0 { // a known absence
		return "hit"
	}
	return "fwd=miss"
}
