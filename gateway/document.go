package gateway

import (
	"net/http"
	"strconv"
	"time"

	"github.com/weft-gateway/weft/enrich"
	"github.com/weft-gateway/weft/upstream"
)

// sendDocument answers a document, or that the caller's copy of it is current.
func sendDocument(x *exchange, r *http.Request, d *enrich.Document) {
	h := x.Header()
	tag := weakTag(d.Tag)
	h.Set("ETag", tag)
	h.Set("Cache-Control", "private, no-cache")
	if anyMatches(r.Header["If-None-Match"], tag) {
		x.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Type", "application/json")
	h.Set("Server-Timing", serverTiming(d))
	h.Set("Cache-Status", cacheStatus(d.Parts))
	send(x, r, http.StatusOK, d.Body)
}

// serverTiming says when each part was settled and what it came to, in
// milliseconds from the start.
func serverTiming(d *enrich.Document) string {
	b := make([]byte, 0, 256)
	for _, p := range d.Parts {
		if p.State == enrich.Skipped {
			continue
		}
		b = appendDuration(append(b, p.Name...), p.Took)
		b = append(append(b, `;desc="`...), p.State...)
		b = append(b, `", `...)
	}
	return string(appendDuration(append(b, "total"...), d.Took))
}

func appendDuration(b []byte, d time.Duration) []byte {
	b = append(b, ";dur="...)
	return strconv.AppendFloat(b, float64(d)/float64(time.Millisecond), 'f', 1, 64)
}

// cacheStatus says of each part that involved a source whether the gateway's
// cache was enough, as a list in the form of RFC 9211.
func cacheStatus(parts []enrich.NamedReport) string {
	b := make([]byte, 0, 256)
	for _, p := range parts {
		how := forwarding(p.Report)
		if how == "" {
			continue
		}
		if len(b) > 0 {
			b = append(b, ", "...)
		}
		b = append(append(b, "weft-"...), p.Name...)
		b = append(append(b, "; "...), how...)
		if p.Reason != "" {
			b = append(append(b, "; detail="...), p.Reason...)
		}
	}
	return string(b)
}

// forwarding tells whether the answer waited for the source ("fwd=") or not
// ("hit"); "" where there was nothing to ask.
func forwarding(r enrich.Report) string {
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
