package auth

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// A token is remembered for a minute, and not past its end.
func TestRemembered(t *testing.T) {
	signers()
	synctest.Test(t, func(t *testing.T) {
		provider := &idp{}
		provider.publish("ec")
		tokens := newTokens(t, provider, nil)
		claims := goodClaims(start)
		short := mint(goodHeader("ES256", "ec").String(), claims.with(fields{"exp": start.Add(10 * time.Second).Unix()}).String(), signers()["ec"])
		long := es("ec")
		get := func(token string) bool { _, ok := tokens.seen.get(digestOf(token), time.Now()); return ok }
		for _, step := range []struct {
			at          time.Duration
			short, long bool
		}{{0, true, true}, {9 * time.Second, true, true}, {10 * time.Second, false, true}, {59 * time.Second, false, true}, {time.Minute, false, false}} {
			time.Sleep(time.Until(start.Add(step.at)))
			if step.at == 0 && (!accepts(tokens, short) || !accepts(tokens, long)) {
				t.Fatal("a good token is refused")
			}
			if s, l := get(short), get(long); s != step.short || l != step.long {
				t.Errorf("after %v: remembered %t and %t, want %t and %t", step.at, s, l, step.short, step.long)
			}
		}
	})
}

func TestMemoryIsBounded(t *testing.T) {
	s := newTokens(t, &idp{body: published("ec")}, nil).issuers[issuerName].source
	if err := s.load(); err != nil {
		t.Fatal(err)
	}
	var m memory
	now := time.Now()
	hot := remembered{until: now.Add(time.Hour), source: s, who: Principal{KeyID: "hot"}}
	m.add(digest{}, hot)
	for i := range 5 * maxRemembered {
		m.add(digestOf(fmt.Sprint(i)), remembered{until: now.Add(time.Hour), source: s})
		if i%1000 == 0 {
			if who, ok := m.get(digest{}, now); !ok || who.KeyID != "hot" {
				t.Fatalf("a token in use is forgotten after %d others", i)
			}
		}
	}
	if got := len(m.young) + len(m.old); got > 2*maxRemembered {
		t.Errorf("%d tokens are remembered, want %d at most", got, 2*maxRemembered)
	}
}
