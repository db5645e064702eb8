package auth

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// running starts what keeps the keys up to date, and waits for its first turn.
func running(t *testing.T, tokens *Tokens) {
	t.Helper()
	var wg sync.WaitGroup
	wg.Go(func() { tokens.Run(t.Context()) })
	t.Cleanup(wg.Wait) // after the test's context has ended
	synctest.Wait()
}

// es is a token of now.
func es(kid string) string { return signed(time.Now(), "ES256", kid) }

// stray is a token that names a key nobody has: whoever makes it up need not sign it.
func stray(kid string) string {
	return mint(goodHeader("ES256", kid).String(), goodClaims(time.Now()).String(), nil)
}

func (i *idp) want(t *testing.T, fetches int) {
	t.Helper()
	if got := i.fetches(); got != fetches {
		t.Errorf("%d fetches after %v, want %d", got, time.Since(start), fetches)
	}
}

// start is when every bubble begins.
var start = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

func TestKeysAreFetchedOnceForAllWhoWait(t *testing.T) {
	signers()
	synctest.Test(t, func(t *testing.T) {
		provider := &idp{slow: time.Second}
		provider.publish("ec")
		tokens, token := newTokens(t, provider, nil), es("ec")
		var accepted atomic.Int32
		var wg sync.WaitGroup
		for range 1000 {
			wg.Go(func() {
				if accepts(tokens, token) {
					accepted.Add(1)
				}
			})
		}
		wg.Wait()
		if got := accepted.Load(); got != 1000 {
			t.Errorf("%d of 1000 are accepted", got)
		}
		provider.want(t, 1)
		if took := time.Since(start); took != time.Second {
			t.Errorf("it took %v, want as long as one fetch", took)
		}
	})
}

func TestUnknownKeysAreThrottled(t *testing.T) {
	signers()
	synctest.Test(t, func(t *testing.T) {
		provider := &idp{}
		provider.publish("ec")
		tokens := newTokens(t, provider, nil)
		running(t, tokens)
		const minutes, each = 10, 1000
		for i := range minutes * each {
			if accepts(tokens, stray(fmt.Sprint("k", i))) {
				t.Fatal("a token of an unknown key is accepted")
			}
			time.Sleep(time.Minute / each)
		}
		if got := provider.fetches(); got > 2*minutes+1 {
			t.Errorf("%d fetches in %d minutes, want 2 a minute at most", got, minutes)
		}
		if got := len(tokens.issuers[issuerName].source.unknown); got > maxUnknown {
			t.Errorf("%d unknown names are remembered", got)
		}
		if !accepts(tokens, es("ec")) {
			t.Error("a good token is refused")
		}
	})
}

// The names that are remembered are bounded, and those of late are among them.
func TestUnknownKeysAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newTokens(t, &idp{}, nil).issuers[issuerName].source
		for i := range 2 * maxUnknown {
			s.forgo(fmt.Sprint("k", i))
		}
		if got := len(s.unknown); got != maxUnknown {
			t.Errorf("%d names, want %d", got, maxUnknown)
		}
		time.Sleep(unknownFor)
		s.forgo("late")
		if _, there := s.unknown["late"]; len(s.unknown) != 1 || !there {
			t.Errorf("%d names are left, want the latest", len(s.unknown))
		}
	})
}

func TestUnknownKeyIsNotAskedForAgain(t *testing.T) {
	signers()
	synctest.Test(t, func(t *testing.T) {
		provider := &idp{}
		provider.publish("ec")
		tokens, token := newTokens(t, provider, nil), stray("k")
		for range 2 {
			accepts(tokens, token)
			time.Sleep(loadPause)
		}
		provider.want(t, 1) // half a minute later it was still remembered
		accepts(tokens, token)
		provider.want(t, 2)
	})
}

func TestRotation(t *testing.T) {
	signers()
	synctest.Test(t, func(t *testing.T) {
		provider := &idp{}
		provider.publish("ec")
		tokens := newTokens(t, provider, nil)
		running(t, tokens)
		time.Sleep(loadPause)
		provider.publish("ec", "ed")
		if !accepts(tokens, signed(time.Now(), "EdDSA", "ed")) {
			t.Error("a token of the new key is refused")
		}
		if !accepts(tokens, es("ec")) {
			t.Error("a token of the old key is refused while it is published")
		}
		provider.want(t, 2)
	})
}

// A key that its issuer withdraws dies within the hour, and with it the tokens
// that are remembered. Those of other keys stay good.
func TestWithdrawnKey(t *testing.T) {
	signers()
	synctest.Test(t, func(t *testing.T) {
		provider := &idp{}
		provider.publish("ec", "ed")
		tokens := newTokens(t, provider, nil)
		running(t, tokens)
		provider.publish("ed")
		time.Sleep(refreshURL - time.Second)
		token := es("ec")
		if !accepts(tokens, token) || tokens.seen.young[digestOf(token)].until.Before(time.Now().Add(2*time.Second)) {
			t.Fatal("the token is not remembered beyond the refresh")
		}
		time.Sleep(2 * time.Second)
		provider.want(t, 2)
		if accepts(tokens, token) {
			t.Error("a token of a withdrawn key is accepted")
		}
		if !accepts(tokens, signed(time.Now(), "EdDSA", "ed")) {
			t.Error("a token of the key that is left is refused")
		}
	})
}

// A key that takes over another's name withdraws it.
func TestKeyReplacedUnderItsName(t *testing.T) {
	signers()
	synctest.Test(t, func(t *testing.T) {
		provider := &idp{}
		provider.publish("ec")
		tokens := newTokens(t, provider, nil)
		running(t, tokens)
		time.Sleep(refreshURL - time.Second)
		token := es("ec")
		if !accepts(tokens, token) {
			t.Fatal("a good token is refused")
		}
		provider.set(func() { provider.body = strings.Replace(published("ec-other"), `"ec-other"`, `"ec"`, 1) })
		time.Sleep(2 * time.Second)
		if accepts(tokens, token) {
			t.Error("a token of the replaced key is accepted")
		}
		if !accepts(tokens, mint(goodHeader("ES256", "ec").String(), goodClaims(time.Now()).String(), signers()["ec-other"])) {
			t.Error("a token of the key that took its place is refused")
		}
	})
}

// However an issuer fails, its keys stay as they are.
func TestIssuerFails(t *testing.T) {
	signers()
	for name, fail := range map[string]func(*idp){
		"refused":  func(p *idp) { p.down = errors.New("connection refused") },
		"hanging":  func(p *idp) { p.slow = time.Hour },
		"HTML":     func(p *idp) { p.body = "<html>" },
		"no keys":  func(p *idp) { p.body = `{"keys": []}` },
		"too much": func(p *idp) { p.body = strings.Repeat(" ", maxKeySet) + p.body },
		"nothing":  func(p *idp) { p.body = "" },
		"too many": func(p *idp) { p.body = `{"keys": [` + strings.Repeat("{},", maxKeys) + `{}]}` },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				provider := &idp{}
				provider.publish("ec")
				tokens := newTokens(t, provider, nil)
				running(t, tokens)
				provider.set(func() { fail(provider) })
				time.Sleep(refreshURL + 10*time.Minute)
				if began := time.Now(); !accepts(tokens, es("ec")) || time.Since(began) != 0 {
					t.Error("a good token is refused, or waits")
				}
				if n := provider.fetches(); n < 19 || n > 22 {
					t.Errorf("%d fetches in the ten minutes of failing, want 2 a minute", n-1)
				}
			})
		})
	}
}

// The keys of an issuer that is away are good for a day.
func TestIssuerIsAway(t *testing.T) {
	signers()
	synctest.Test(t, func(t *testing.T) {
		provider := &idp{}
		provider.publish("ec")
		tokens := newTokens(t, provider, nil)
		running(t, tokens)
		provider.set(func() { provider.down = errors.New("connection refused") })
		time.Sleep(maxKeysAge)
		token := es("ec")
		if !accepts(tokens, token) {
			t.Error("a good token is refused on the first day")
		}
		time.Sleep(rememberFor)
		if accepts(tokens, token) {
			t.Error("keys are used for more than a day")
		}
		provider.set(func() { provider.down = nil })
		time.Sleep(loadPause)
		if !accepts(tokens, token) {
			t.Error("a good token is refused when the issuer is back")
		}
	})
}

// Whoever waits for keys waits for two seconds at most.
func TestWaitIsBounded(t *testing.T) {
	signers()
	synctest.Test(t, func(t *testing.T) {
		tokens := newTokens(t, &idp{slow: time.Hour}, nil)
		token := es("ec")
		for _, want := range []time.Duration{MaxLoad, 0} {
			began := time.Now()
			if accepts(tokens, token) || time.Since(began) != want {
				t.Errorf("waited %v, want %v", time.Since(began), want)
			}
		}
	})
}

func TestCloseEndsLoads(t *testing.T) {
	signers()
	synctest.Test(t, func(t *testing.T) {
		provider := &idp{slow: time.Hour}
		tokens, token := newTokens(t, provider, nil), es("ec")
		go accepts(tokens, token)
		synctest.Wait()
		tokens.Close()
		if took := time.Since(start); took != 0 {
			t.Errorf("closing took %v", took)
		}
		if accepts(tokens, token) || provider.fetches() != 1 {
			t.Errorf("%d fetches, want none after the end", provider.fetches())
		}
	})
}

// Trouble is told once when it begins and once when it is over, without the
// query of the URL.
func TestLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		provider := &idp{down: errors.New("connection refused")}
		tokens := newTokens(t, provider, func(c *TokensConfig, i *Issuer) {
			c.Logger = slog.New(slog.NewTextHandler(&log, nil))
			i.JWKSURL += "?canary"
		})
		running(t, tokens)
		time.Sleep(10 * time.Minute)
		provider.set(func() { provider.down, provider.body = nil, published("ec") })
		time.Sleep(time.Minute)
		synctest.Wait()
		got := log.String()
		if strings.Count(got, "cannot be loaded") != 1 || strings.Count(got, "loaded again") != 1 || strings.Count(got, "\n") != 2 {
			t.Errorf("the log is:\n%s", got)
		}
		if strings.Contains(got, "canary") || !strings.Contains(got, "connection refused") {
			t.Errorf("the log shows the query, or not the cause:\n%s", got)
		}
	})
}

func TestKeysAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		provider := &idp{down: errors.New("refused")}
		tokens := newTokens(t, provider, nil)
		running(t, tokens)
		if _, ok := tokens.KeysAge(issuerName); ok {
			t.Error("keys that were never loaded have an age")
		}
		provider.set(func() { provider.down, provider.body = nil, published("ec") })
		time.Sleep(loadPause + time.Minute)
		if age, ok := tokens.KeysAge(issuerName); !ok || age != time.Minute {
			t.Errorf("age %v, %t, want a minute", age, ok)
		}
		if _, ok := tokens.KeysAge("other"); ok {
			t.Error("the keys of nobody have an age")
		}
	})
}
