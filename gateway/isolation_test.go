package gateway

import (
	"bytes"
	"encoding/json"
	"flag"
	"math/rand/v2"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// answers is how many answers TestIsolation looks at. With the race detector
// a million take minutes; make isolation does without it.
var answers = flag.Int("answers", 6_000, "answers that TestIsolation looks at")

// TestIsolation asks as three tenants at once, in random order, for their own
// conversations and for those of the others, while records change, sources fail
// and answer with records of somebody else: nobody is ever shown what is not theirs.
func TestIsolation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, src, c := newIsolated(t, nil)
		defer c.Close()
		var seen census
		var wg sync.WaitGroup
		const callers = 8
		for i := range callers {
			wg.Go(func() {
				w := &wanderer{t: t, s: s, src: src, rng: rand.New(rand.NewPCG(uint64(i), 42)), seen: &seen}
				for range *answers / callers {
					w.step()
					time.Sleep(300 * time.Microsecond) // of virtual time: what was read becomes due
				}
			})
		}
		wg.Wait()
		t.Logf("%d answers: %d own documents, %d pages, %d refused ids, %d refused cursors; %d people forgotten, %d foreign records sent to us",
			seen.answers.Load(), seen.documents.Load(), seen.pages.Load(), seen.refused.Load(), seen.cursors.Load(), seen.forgotten.Load(), src.foreign)
		// A run in which next to nothing is shown would prove nothing.
		if n := seen.answers.Load(); seen.documents.Load() < n/3 || seen.pages.Load() < n/50 || seen.refused.Load() < n/20 || seen.cursors.Load() == 0 || seen.forgotten.Load() == 0 || src.foreign == 0 {
			t.Error("hardly anything was shown, or tried")
		}
	})
}

// census counts what was answered.
type census struct{ answers, documents, pages, refused, cursors, forgotten atomic.Int64 }

// wanderer is a caller that is each of the tenants in turn.
type wanderer struct {
	t       *testing.T
	s       *Server
	src     *sources
	rng     *rand.Rand
	seen    *census
	cursors [len(tenantNames)]string // last seen, of each tenant
}

// step asks once; sometimes something happens to the sources first.
func (w *wanderer) step() {
	switch w.rng.IntN(10) {
	case 0:
		w.src.change()
	case 1:
		w.src.fail(w.rng)
	}
	me := w.rng.IntN(len(tenantNames))
	tenant := tenantNames[me]
	switch k := w.rng.IntN(20); {
	case k == 19 && w.rng.IntN(10) == 0:
		w.forget(tenant, contactID(w.rng.IntN(idsEach)))
	case k < 3:
		w.list(me, w.cursors[me])
	case k == 3:
		w.list(me, w.cursors[w.rng.IntN(len(tenantNames))])
	case k < 7:
		other := tenantNames[w.rng.IntN(len(tenantNames))]
		w.read(tenant, ownIDs(other)[w.rng.IntN(idsEach)])
	case k == 7:
		w.read(tenant, "nobody-"+strconv.Itoa(w.rng.IntN(1000)))
	default:
		w.read(tenant, ownIDs(tenant)[w.rng.IntN(idsEach)])
	}
}

func (w *wanderer) read(tenant, id string) {
	a := w.ask(tenant, conversationsPath+"/"+id)
	switch own := numberOf(tenant, id) >= 0; {
	case a.status == 200 && own:
		w.seen.documents.Add(1)
		if !bytes.Contains(a.body.Bytes(), []byte(markOf(tenant))) {
			w.t.Errorf("%s asks for %s and is shown nothing of its own: %s", tenant, id, a.body.Bytes())
		}
	case a.status == 200:
		w.t.Errorf("%s is shown %s: %s", tenant, id, a.body.Bytes())
	case a.status == 404 && !own:
		w.seen.refused.Add(1)
	}
}

// forget invalidates a contact, and with it what leads to it. A CRM that fails
// when it is asked by what the contact is known makes it 503.
func (w *wanderer) forget(tenant, contact string) {
	switch a := w.ask(tenant, contactsPath+"/"+contact+"/cache"); a.status {
	case 204:
		w.seen.forgotten.Add(1)
	case 503:
	default:
		w.t.Errorf("%s forgets %s: %d %s", tenant, contact, a.status, a.body.Bytes())
	}
}

func (w *wanderer) list(me int, cursor string) {
	q := url.Values{"per_page": {strconv.Itoa(6 + 10*w.rng.IntN(2))}}
	if cursor != "" {
		q.Set("cursor", cursor)
	}
	a := w.ask(tenantNames[me], conversationsPath+"?"+q.Encode())
	switch a.status {
	case 400:
		w.seen.cursors.Add(1)
		if cursor == w.cursors[me] {
			w.t.Errorf("%s has its own cursor refused: %s", tenantNames[me], a.body.Bytes())
		}
	case 200:
		w.seen.pages.Add(1)
		var page struct{ NextCursor *string }
		if err := json.Unmarshal(a.body.Bytes(), &page); err != nil {
			w.t.Error(err)
		}
		if w.cursors[me] = ""; page.NextCursor != nil {
			w.cursors[me] = *page.NextCursor
		}
	}
}

// ask looks at one answer, whatever it is.
func (w *wanderer) ask(tenant, target string) *flat {
	method := "GET"
	if strings.HasPrefix(target, contactsPath) {
		method = "DELETE"
	}
	a := asks(w.s, httptest.NewRequestWithContext(w.t.Context(), method, "/", nil), tenant, target)
	w.seen.answers.Add(1)
	for _, other := range tenantNames {
		if mark := []byte(markOf(other)); other != tenant && bytes.Contains(a.body.Bytes(), mark) {
			w.t.Errorf("%s asks for %s and is shown what is %s's: %s", tenant, target, other, a.body.Bytes())
		}
	}
	if bytes.Contains(a.body.Bytes(), []byte("SECRET-OF-THE-CRM")) {
		w.t.Errorf("%s asks for %s and is shown a field that is not in the contract: %s", tenant, target, a.body.Bytes())
	}
	return a
}
