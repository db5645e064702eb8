package salesforce

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/weft-gateway/weft/upstream"
	"github.com/weft-gateway/weft/upstream/client"
)

// For how long nothing is asked once a quota is used up. That of the day is of
// the last 24 hours, so that a little of it comes back all the time.
const (
	dayUsedUp   = 5 * time.Minute
	tooManyLong = 10 * time.Second // requests at once that take long
)

// Manners returns how Salesforce speaks of quotas.
func Manners() client.Manners {
	return client.Manners{Spent: spent, Refused: refused}
}

// spent reads how much of the day's calls the organisation has used, as
// "api-usage=53/15000; per-app-api-usage=17/250(appName=weft)".
func spent(h http.Header) (time.Duration, bool) {
	for part := range strings.SplitSeq(h.Get("Sforce-Limit-Info"), ";") {
		name, figures, _ := strings.Cut(strings.TrimSpace(part), "=")
		if name != "api-usage" {
			continue
		}
		used, most, _ := strings.Cut(figures, "/")
		u, err := strconv.Atoi(used)
		m, mostErr := strconv.Atoi(most)
		if err == nil && mostErr == nil && m > 0 && u >= m {
			return dayUsedUp, true
		}
	}
	return 0, false
}

// refused tells a quota from a right that is missing: both are 403.
func refused(r client.Reply) (upstream.Kind, time.Duration) {
	var list []json.RawMessage
	if r.Status != http.StatusForbidden || upstream.Decode(r.Body, &list) != nil {
		return "", 0
	}
	for _, raw := range list {
		code := upstream.ReadFields(raw).Text("errorCode")
		if code == nil || *code != "REQUEST_LIMIT_EXCEEDED" {
			continue
		}
		if _, day := spent(r.Header); !day && r.Header.Get("Sforce-Limit-Info") != "" {
			return upstream.RateLimited, tooManyLong
		}
		return upstream.RateLimited, dayUsedUp
	}
	return "", 0
}
