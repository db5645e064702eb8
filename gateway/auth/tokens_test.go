package auth

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"
)

// row is a token, and what is to come of it: whose it is, or why it is refused.
type row struct {
	name, token string
	want        error
	who         Principal // what differs from that of a plain token
}

func TestTokens(t *testing.T) {
	now := time.Now()
	provider := &idp{}
	provider.publish("rsa", "ec", "ed")
	tokens := newTokens(t, provider, nil)
	creds := NewCredentials(testKeys(t), tokens)
	for group, rows := range map[string][]row{
		"algorithm": algorithmRows(now), "header": headerRows(now), "claim": claimRows(now), "principal": principalRows(now), "form": formRows(now),
	} {
		for _, tt := range rows {
			t.Run(group+"/"+tt.name, func(t *testing.T) {
				if _, err := tokens.verify(tt.token, now); !errors.Is(err, tt.want) {
					t.Errorf("verify: %v, want %v", err, tt.want)
				}
				got, ok := creds.Authenticate("Bearer "+tt.token, now)
				if ok != (tt.want == nil) {
					t.Errorf("accepted: %t, want %t", ok, tt.want == nil)
				}
				want := Principal{}
				if tt.want == nil {
					want = plain(tt.who)
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("principal (-want +got):\n%s", diff)
				}
			})
		}
	}
}

// plain is who a plain token is for, but for what p has set.
func plain(p Principal) Principal {
	if p.TenantID == "" {
		p.TenantID = "acme"
	}
	if p.KeyID == "" {
		p.KeyID = "jwt:" + sum(issuerName + "\x00larry@leadworks.example")[:16]
	}
	if p.Scopes == nil {
		p.Scopes = []string{ScopeRead}
	}
	return p
}

// ec signs the good header and claims, but for what is given.
func ec(now time.Time, header, payload fields) string {
	return mint(goodHeader("ES256", "ec").with(header).String(), goodClaims(now).with(payload).String(), signers()["ec"])
}

func algorithmRows(now time.Time) []row {
	pub := signers()["rsa"].Public().(*rsa.PublicKey)
	der := must(x509.MarshalPKIXPublicKey(pub))
	text := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	claims := goodClaims(now).String()
	alg := func(alg string, key any) string { return mint(goodHeader(alg, "rsa").String(), claims, key) }
	cross := func(alg, kid, signer string) string {
		return mint(goodHeader(alg, kid).String(), claims, signers()[signer])
	}
	return []row{
		{name: "RS256", token: signed(now, "RS256", "rsa")},
		{name: "ES256", token: signed(now, "ES256", "ec")},
		{name: "EdDSA", token: signed(now, "EdDSA", "ed")},
		{name: "none", token: alg("none", nil), want: errAlgorithm},
		{name: "nOnE", token: alg("nOnE", nil), want: errAlgorithm},
		{name: "none, signed", token: alg("none", signers()["rsa"]), want: errAlgorithm},
		{name: "empty", token: alg("", signers()["rsa"]), want: errAlgorithm},
		{name: "lower case", token: alg("rs256", signers()["rsa"]), want: errAlgorithm},
		{name: "HS256 with the public key in PEM", token: alg("HS256", text), want: errAlgorithm},
		{name: "HS256 with the public key in DER", token: alg("HS256", der), want: errAlgorithm},
		{name: "RS256 with a MAC of the public key", token: alg("RS256", text), want: errSignature},
		{name: "RS512", token: alg("RS512", signers()["rsa"]), want: errAlgorithm},
		{name: "PS256", token: alg("PS256", signers()["rsa"]), want: errAlgorithm},
		{name: "a number", token: ec(now, fields{"alg": 256}, nil), want: errAlgorithm},
		{name: "absent", token: ec(now, fields{"alg": nil}, nil), want: errAlgorithm},
		{name: "of another key", token: cross("RS256", "ec", "rsa"), want: errKey},
		{name: "of another key, signed by it", token: cross("EdDSA", "ec", "ec"), want: errKey},
		{name: "ES256 by RSA", token: cross("ES256", "ec", "rsa"), want: errSignature},
	}
}

func headerRows(now time.Time) []row {
	attacker := signers()["ec-other"]
	jwk := jose.JSONWebKey{Key: attacker.Public(), KeyID: "ec"}
	claims := goodClaims(now).String()
	raw := func(header string) string { return mint(header, claims, signers()["ec"]) }
	forged := func(extra fields) string {
		return mint(goodHeader("ES256", "ec").with(extra).String(), claims, attacker)
	}
	return []row{
		{name: "wrong key of the same name", token: forged(nil), want: errSignature},
		{name: "embedded jwk", token: forged(fields{"jwk": jwk}), want: errSignature},
		{name: "embedded jwk alone", token: forged(fields{"jwk": jwk, "kid": nil}), want: errNoKeyID},
		{name: "jku", token: forged(fields{"jku": "https://evil.example/keys"}), want: errSignature},
		{name: "x5u", token: forged(fields{"x5u": "https://evil.example/cert"}), want: errSignature},
		{name: "jwk, jku and x5u of others are ignored", token: ec(now, fields{"jwk": jwk, "jku": "https://evil.example", "x5u": "https://evil.example"}, nil)},
		{name: "kid absent", token: ec(now, fields{"kid": nil}, nil), want: errNoKeyID},
		{name: "kid empty", token: ec(now, fields{"kid": ""}, nil), want: errNoKeyID},
		{name: "kid a number", token: ec(now, fields{"kid": 1}, nil), want: errNoKeyID},
		{name: "kid too long", token: ec(now, fields{"kid": strings.Repeat("k", maxKeyID+1)}, nil), want: errNoKeyID},
		{name: "kid a path", token: ec(now, fields{"kid": "../../../../dev/null"}, nil), want: errKey},
		{name: "kid a query", token: ec(now, fields{"kid": "ec' OR '1'='1"}, nil), want: errKey},
		{name: "kid in another case", token: ec(now, fields{"kid": "EC"}, nil), want: errKey},
		{name: "crit unknown", token: ec(now, fields{"crit": []string{"x"}, "x": 1}, nil), want: errCritical},
		{name: "crit empty", token: ec(now, fields{"crit": []string{}}, nil), want: errCritical},
		{name: "crit null", token: raw(`{"alg":"ES256","kid":"ec","crit":null}`), want: errCritical},
		{name: "crit known", token: ec(now, fields{"crit": []string{"b64"}, "b64": true}, nil), want: errCritical},
		{name: "payload not coded", token: ec(now, fields{"b64": false}, nil), want: errCritical},
		{name: "alg twice", token: raw(`{"alg":"none","alg":"ES256","kid":"ec"}`), want: errMalformed},
		{name: "kid twice", token: raw(`{"alg":"ES256","kid":"ec","kid":"ec"}`), want: errMalformed},
		{name: "kid twice, once escaped", token: raw(`{"alg":"ES256","kid":"ec","\u006bid":"ec"}`), want: errMalformed},
		{name: "alg in another case beside it", token: raw(`{"alg":"ES256","kid":"ec","ALG":"none"}`)},
		{name: "no typ", token: ec(now, fields{"typ": nil}, nil)},
	}
}

func claimRows(now time.Time) []row {
	at := func(d time.Duration) int64 { return now.Add(d).Unix() }
	claim := func(name string, v any) string { return ec(now, nil, fields{name: v}) }
	return []row{
		{name: "exp past", token: claim("exp", at(-time.Minute)), want: errExpiry},
		{name: "exp past, within the leeway", token: claim("exp", at(-20*time.Second))},
		{name: "exp absent", token: claim("exp", nil), want: errExpiry},
		{name: "exp a string", token: claim("exp", fmt.Sprint(at(time.Hour))), want: errMalformed},
		{name: "exp null", token: claim("exp", json.RawMessage("null")), want: errMalformed},
		{name: "exp a fraction", token: claim("exp", float64(at(time.Hour))+.5)},
		{name: "exp negative", token: claim("exp", -1), want: errMalformed},
		{name: "exp in milliseconds", token: claim("exp", at(time.Hour)*1000), want: errMalformed},
		{name: "exp beyond all numbers", token: claim("exp", json.RawMessage("1e999")), want: errMalformed},
		{name: "nbf ahead", token: claim("nbf", at(time.Minute)), want: errEarly},
		{name: "nbf ahead, within the leeway", token: claim("nbf", at(20*time.Second))},
		{name: "nbf a string", token: claim("nbf", "0"), want: errMalformed},
		{name: "nbf absent", token: claim("nbf", nil)},
		{name: "iat an hour ahead", token: claim("iat", at(time.Hour)), want: errEarly},
		{name: "iat ahead, within the leeway", token: claim("iat", at(20*time.Second))},
		{name: "iat a string", token: claim("iat", "0"), want: errMalformed},
		{name: "iat absent", token: claim("iat", nil)},
		{name: "aud wrong", token: claim("aud", "other"), want: errAudience},
		{name: "aud absent", token: claim("aud", nil), want: errAudience},
		{name: "aud in another case", token: claim("aud", "Weft"), want: errAudience},
		{name: "aud one of several", token: claim("aud", []string{"other", audience})},
		{name: "aud none of several", token: claim("aud", []string{"other", "weft2"}), want: errAudience},
		{name: "aud several words", token: claim("aud", "other weft"), want: errAudience},
		{name: "aud empty", token: claim("aud", []string{}), want: errAudience},
		{name: "aud with a number", token: claim("aud", []any{audience, 1}), want: errAudience},
		{name: "iss wrong", token: claim("iss", "https://evil.example"), want: errIssuer},
		{name: "iss with a slash at the end", token: claim("iss", issuerName+"/"), want: errIssuer},
		{name: "iss in another case", token: claim("iss", strings.ToUpper(issuerName)), want: errIssuer},
		{name: "iss absent", token: claim("iss", nil), want: errIssuer},
		{name: "iss a list", token: claim("iss", []string{issuerName}), want: errIssuer},
		{name: "nothing but a tenant", token: mint(goodHeader("ES256", "ec").String(), `{"tid":"acme"}`, signers()["ec"]), want: errIssuer},
	}
}

func principalRows(now time.Time) []row {
	claim := func(name string, v any) string { return ec(now, nil, fields{name: v}) }
	raw := func(claims string) string { return mint(goodHeader("ES256", "ec").String(), claims, signers()["ec"]) }
	good := strings.TrimSuffix(goodClaims(now).String(), "}")
	anonymous := Principal{KeyID: "jwt:" + sum(issuerName + "\x00")[:16]}
	return []row{
		{name: "tenant", token: claim("tid", "globex"), who: Principal{TenantID: "globex"}},
		{name: "tenant unknown", token: claim("tid", "initech"), want: errTenant},
		{name: "tenant absent", token: claim("tid", nil), want: errTenant},
		{name: "tenant empty", token: claim("tid", ""), want: errTenant},
		{name: "tenants", token: claim("tid", []string{"acme"}), want: errTenant},
		{name: "tenant twice", token: raw(good + `,"tid":"globex"}`), want: errMalformed},
		{name: "tenant twice, once escaped", token: raw(good + `,"\u0074id":"globex"}`), want: errMalformed},
		{name: "tenant in another case beside it", token: claim("TID", "globex")},
		{name: "twice further down", token: raw(good + `,"realm":[{"a":1,"a":2}]}`), want: errMalformed},
		{name: "scopes in an array", token: claim("scope", []string{ScopeCosts, ScopeRead}), who: Principal{Scopes: []string{ScopeRead, ScopeCosts}}},
		{name: "scopes with spaces", token: claim("scope", " costs:read  conversations:read "), who: Principal{Scopes: []string{ScopeRead, ScopeCosts}}},
		{name: "scope twice", token: claim("scope", "costs:read costs:read"), who: Principal{Scopes: []string{ScopeCosts}}},
		{name: "ops scopes count for nothing", token: claim("scope", "ops:breakers ops:* *"), who: Principal{Scopes: []string{}}},
		{name: "scopes unknown", token: claim("scope", "openid Conversations:read"), who: Principal{Scopes: []string{}}},
		{name: "scopes absent", token: claim("scope", nil), who: Principal{Scopes: []string{}}},
		{name: "scopes null", token: claim("scope", json.RawMessage("null")), want: errScopes},
		{name: "scopes a mapping", token: claim("scope", map[string]bool{ScopeRead: true}), want: errScopes},
		{name: "workspaces", token: claim("workspaces", []string{"w2", "w1"}), who: Principal{Workspaces: []string{"w2", "w1"}}},
		{name: "workspaces, as many as may be", token: claim("workspaces", slices.Repeat([]string{"w"}, maxWorkspaces)), who: Principal{Workspaces: slices.Repeat([]string{"w"}, maxWorkspaces)}},
		{name: "too many workspaces", token: claim("workspaces", slices.Repeat([]string{"w"}, maxWorkspaces+1)), want: errWorkspaces},
		{name: "erasing", token: claim("scope", ScopeErase), who: Principal{Scopes: []string{ScopeErase}}},
		{
			name: "erasing is not for those who are bound", token: ec(now, nil, fields{"scope": ScopeErase + " " + ScopeRead, "workspaces": []string{"w1"}}),
			who: Principal{Workspaces: []string{"w1"}},
		},
		{name: "no workspace", token: claim("workspaces", []string{}), want: errWorkspaces},
		{name: "workspaces null", token: claim("workspaces", json.RawMessage("null")), want: errWorkspaces},
		{name: "workspaces a string", token: claim("workspaces", "w1"), want: errWorkspaces},
		{name: "workspaces with a number", token: claim("workspaces", []any{"w1", 2}), want: errWorkspaces},
		{name: "workspaces with an empty one", token: claim("workspaces", []string{"w1", ""}), want: errWorkspaces},
		{name: "subject absent", token: claim("sub", nil), who: anonymous},
		{name: "subject a number", token: claim("sub", 7), want: errMalformed},
	}
}

func formRows(now time.Time) []row {
	good := signed(now, "ES256", "ec")
	parts := strings.Split(good, ".")
	tampered := coded(goodClaims(now).with(fields{"tid": "globex"}).String())
	junk := func(header, payload string) string { return mint(header, payload, signers()["ec"]) }
	h, p := goodHeader("ES256", "ec").String(), goodClaims(now).String()
	return []row{
		{name: "payload tampered with", token: parts[0] + "." + tampered + "." + parts[2], want: errSignature},
		{name: "signature stripped", token: parts[0] + "." + parts[1] + ".", want: errSignature},
		{name: "signature cut", token: good[:len(good)-2], want: errSignature},
		{name: "signature not base64", token: good[:len(good)-4] + "!!!!", want: errMalformed},
		{name: "a megabyte of dots", token: strings.Repeat(".", 1<<20), want: errMalformed},
		{name: "dots", token: "..", want: errMalformed},
		{name: "four parts", token: good + ".x", want: errMalformed},
		{name: "encrypted", token: coded(`{"alg":"dir","enc":"A256GCM","kid":"ec"}`) + "..a.b.c", want: errMalformed},
		{name: "padded base64", token: parts[0] + "." + parts[1] + "=." + parts[2], want: errMalformed},
		{name: "header an array", token: junk("[]", p), want: errMalformed},
		{name: "header null", token: junk("null", p), want: errMalformed},
		{name: "header twice", token: junk(h+h, p), want: errMalformed},
		{name: "payload empty", token: junk(h, ""), want: errMalformed},
		{name: "payload null", token: junk(h, "null"), want: errMalformed},
		{name: "payload with something behind", token: junk(h, p+"x"), want: errMalformed},
		{name: "payload not UTF-8", token: junk(h, strings.TrimSuffix(p, "}")+",\"x\":\"\xff\"}"), want: errMalformed},
		{name: "payload deep", token: junk(h, strings.Repeat(`{"a":`, 800)+"1"+strings.Repeat("}", 800)), want: errIssuer},
	}
}

// The bound of a token's length is on the one in the header.
func TestTokenLength(t *testing.T) {
	provider := &idp{}
	provider.publish("ec")
	tokens, now := newTokens(t, provider, nil), time.Now()
	for _, tt := range []struct {
		pad  int
		want bool
	}{{5000, true}, {6000, false}} {
		token := ec(now, nil, fields{"pad": strings.Repeat("x", tt.pad)})
		if _, err := tokens.verify(token, now); err != nil {
			t.Fatalf("%d bytes: %v", len(token), err)
		}
		if fits := len(token) <= maxToken; fits != tt.want || accepts(tokens, token) != tt.want {
			t.Errorf("%d bytes: accepted %t, want %t", len(token), !tt.want, tt.want)
		}
	}
}

// An API key is not taken for a token, and no token for a key.
func TestCredentials(t *testing.T) {
	provider := &idp{}
	provider.publish("ec")
	creds := NewCredentials(testKeys(t), newTokens(t, provider, nil))
	for name, tt := range map[string]struct {
		header, tenant string
	}{
		"key":          {"Bearer " + secret, "acme"},
		"token":        {"bearer " + signed(time.Now(), "ES256", "ec"), "acme"},
		"unknown":      {"Bearer weft_unknown", ""},
		"two dots":     {"Bearer weft.un.known", ""},
		"other scheme": {"Basic " + secret, ""},
	} {
		if got, ok := creds.Authenticate(tt.header, time.Now()); got.TenantID != tt.tenant || ok != (tt.tenant != "") {
			t.Errorf("%s: tenant %q, %t, want %q", name, got.TenantID, ok, tt.tenant)
		}
	}
}

func TestNoIssuers(t *testing.T) {
	tokens, err := NewTokens(TokensConfig{})
	if err != nil {
		t.Fatal(err)
	}
	tokens.Run(t.Context()) // has nothing to do, and ends
	if accepts(tokens, signed(time.Now(), "ES256", "ec")) {
		t.Error("a token is accepted that nobody issued")
	}
	tokens.Close()
}

// An issuer speaks for its own tenant alone, and signs as it is allowed to.
func TestIssuersAreApart(t *testing.T) {
	provider := &idp{}
	provider.publish("rsa", "ec")
	tokens := newTokens(t, provider, func(c *TokensConfig, i *Issuer) {
		other := *i
		other.Name, other.Tenant, other.TenantClaim, other.Algorithms = "other", "globex", "", []string{"ES256"}
		c.Issuers = append(c.Issuers, other)
	})
	now := time.Now()
	from := func(alg, kid string, extra fields) string {
		claims := goodClaims(now).with(fields{"iss": "other"}).with(extra)
		return mint(goodHeader(alg, kid).String(), claims.String(), signers()[kid])
	}
	r, err := tokens.verify(from("ES256", "ec", fields{"tid": "acme"}), now)
	if err != nil || r.who.TenantID != "globex" {
		t.Errorf("tenant %q, %v, want that of the configuration", r.who.TenantID, err)
	}
	if _, err := tokens.verify(from("RS256", "rsa", nil), now); !errors.Is(err, errAlgorithm) {
		t.Errorf("another issuer's algorithm: %v, want %v", err, errAlgorithm)
	}
}

func TestNewTokensRefuses(t *testing.T) {
	for name, tt := range map[string]struct {
		edit func(*Issuer)
		want string
	}{
		"no name":          {func(i *Issuer) { i.Name = "" }, "name and an audience"},
		"no audience":      {func(i *Issuer) { i.Audience = "" }, "name and an audience"},
		"no keys":          {func(i *Issuer) { i.JWKSURL = "" }, "URL or in a file"},
		"keys twice":       {func(i *Issuer) { i.JWKSFile = "f" }, "URL or in a file"},
		"no algorithm":     {func(i *Issuer) { i.Algorithms = nil }, "want algorithms"},
		"none":             {func(i *Issuer) { i.Algorithms = []string{"RS256", "none"} }, "want algorithms"},
		"HS256":            {func(i *Issuer) { i.Algorithms = []string{"HS256"} }, "want algorithms"},
		"leeway":           {func(i *Issuer) { i.Leeway = -1 }, "leeway"},
		"no tenant":        {func(i *Issuer) { i.TenantClaim = "" }, "want a tenant"},
		"tenant twice":     {func(i *Issuer) { i.Tenant = "acme" }, "want a tenant"},
		"tenant unknown":   {func(i *Issuer) { i.TenantClaim, i.Tenant = "", "initech" }, "no such tenant"},
		"no scopes":        {func(i *Issuer) { i.ScopesClaim = "" }, "claims of workspaces and scopes"},
		"no workspaces":    {func(i *Issuer) { i.WorkspacesClaim = "" }, "claims of workspaces and scopes"},
		"file not there":   {func(i *Issuer) { i.JWKSURL, i.JWKSFile = "", "testdata/none" }, "no such file"},
		"there is another": {func(*Issuer) {}, "there twice"},
	} {
		t.Run(name, func(t *testing.T) {
			i := goodIssuer()
			tt.edit(&i)
			_, err := NewTokens(TokensConfig{Issuers: []Issuer{i, i}, Tenants: []string{"acme"}, Transport: &idp{}})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want one with %q", err, tt.want)
			}
		})
	}
}

// FuzzToken: what is accepted is one of the tokens that were issued, as they were.
func FuzzToken(f *testing.F) {
	provider := &idp{}
	provider.publish("rsa", "ec", "ed")
	tokens, now := newTokens(f, provider, nil), time.Now()
	issued := []string{signed(now, "RS256", "rsa"), signed(now, "ES256", "ec"), signed(now, "EdDSA", "ed")}
	for _, s := range issued {
		f.Add(s)
		f.Add(s[:len(s)-1])
	}
	for _, rows := range [][]row{algorithmRows(now), headerRows(now), claimRows(now), principalRows(now), formRows(now)} {
		for _, r := range rows {
			if r.want == nil {
				issued = append(issued, r.token)
			}
			if len(r.token) < maxToken {
				f.Add(r.token)
			}
		}
	}
	f.Add("..")
	f.Add(strings.Repeat("A.", 3))
	f.Fuzz(func(t *testing.T, token string) {
		r, err := tokens.verify(token, now)
		if good := slices.Contains(issued, token); (err == nil) != good {
			t.Errorf("issued: %t, refused: %v", good, err)
		}
		if err != nil && r.who.TenantID != "" {
			t.Errorf("a refusal names tenant %q", r.who.TenantID)
		}
	})
}
