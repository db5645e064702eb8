package sandbox

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

func TestDialLocation(t *testing.T) {
	s := open(t, -1)
	set(t, s.CRM(), "", Dial{ErrorRate: 1, Status: 307, Location: "http://127.0.0.1:1/canary"})
	if got := get(t, s.CRM(), token(t, s.crm, Acme), "/contacts/con-9001").Header().Get("Location"); got != "http://127.0.0.1:1/canary" {
		t.Errorf("to %q", got)
	}
}

func TestDialRetryDate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, -1)
		set(t, s.Autocalls(), "", Dial{ErrorRate: 1, Status: 429, RetryAfter: "7", RetryDate: true})
		for range 2 { // seven seconds from each answer
			w := get(t, s.Autocalls(), token(t, s.autocalls, Acme), listPath)
			at, err := http.ParseTime(w.Header().Get("Retry-After"))
			if got := time.Until(at); err != nil || got != 7*time.Second {
				t.Errorf("%q, %v: in %v", w.Header().Get("Retry-After"), err, got)
			}
			diff(t, decode(t, w.Body.String()), decode(t, `{"message":"Too Many Attempts.","retry_after":7}`))
			time.Sleep(time.Minute)
		}
	})
}

// Some calls meet a dial, and the others nothing of it.
func TestDialRate(t *testing.T) {
	s := open(t, -1)
	for name, d := range map[string]Dial{
		"body":  {Rate: 0.1, Body: BodyWrongRecord},
		"deny":  {Rate: 0.1, Deny: 401},
		"error": {Rate: 0.2, ErrorRate: 0.5},
	} {
		t.Run(name, func(t *testing.T) {
			set(t, s.CRM(), "contacts", d)
			met := 0
			for range 1000 {
				w := get(t, s.CRM(), token(t, s.crm, Acme), "/contacts/con-9001")
				if w.Code != http.StatusOK || decode(t, w.Body.String())["id"] != "con-9001" {
					met++
				}
			}
			if met < 60 || met > 140 { // the seed is fixed: this does not waver much
				t.Errorf("%d of 1000 met it, want a tenth", met)
			}
		})
	}
}

func TestDialJitter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, -1)
		set(t, s.CRM(), "", Dial{Latency: 100 * time.Millisecond, Jitter: 50 * time.Millisecond})
		least, most := time.Hour, time.Duration(0)
		for range 500 {
			start := time.Now()
			get(t, s.CRM(), token(t, s.crm, Acme), "/contacts/con-9001")
			least, most = min(least, time.Since(start)), max(most, time.Since(start))
		}
		if least < 100*time.Millisecond || least > 105*time.Millisecond || most < 145*time.Millisecond || most > 150*time.Millisecond {
			t.Errorf("between %v and %v, want 100 to 150 ms", least, most)
		}
	})
}
