package hubspot

import (
	"net/http"
	"strconv"
	"time"

	"github.com/weft-gateway/weft/upstream"
	"github.com/weft-gateway/weft/upstream/client"
)

// For how long nothing is asked once a quota is used up.
const (
	second      = time.Second
	rolling     = 10 * time.Second
	dailyQuota  = 10 * time.Minute // it begins anew at midnight where the account is, which no answer says
	maxInterval = time.Minute
)

// Manners returns how HubSpot speaks of quotas.
func Manners() client.Manners {
	return client.Manners{Spent: spent, Refused: refused}
}

// spent reads the headers of a quota: of the day, of some seconds, of one.
func spent(h http.Header) (wait time.Duration, ok bool) {
	left := func(name string) (int, bool) {
		n, err := strconv.Atoi(h.Get("X-HubSpot-RateLimit-" + name))
		return n, err == nil
	}
	if n, said := left("Daily-Remaining"); said && n <= 0 {
		return dailyQuota, true
	}
	if n, said := left("Remaining"); said && n <= 0 {
		wait = rolling
		if ms, said := left("Interval-Milliseconds"); said && ms > 0 {
			wait = min(time.Duration(ms)*time.Millisecond, maxInterval)
		}
		return wait, true
	}
	if n, said := left("Secondly-Remaining"); said && n <= 0 {
		return second, true
	}
	return 0, false
}

// refused reads which quota a 429 is about.
func refused(r client.Reply) (upstream.Kind, time.Duration) {
	if r.Status != http.StatusTooManyRequests {
		return "", 0
	}
	var body upstream.Fields
	if upstream.Decode(r.Body, &body) != nil {
		return "", 0
	}
	switch policy := body.Text("policyName"); {
	case policy == nil:
		return "", 0
	case *policy == "DAILY":
		return "", dailyQuota
	case *policy == "TEN_SECONDLY_ROLLING":
		return "", rolling
	}
	return "", second
}
