package main

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/weft-gateway/weft/upstream/sandbox"
)

// provider issues tokens, signed with one key.
type provider struct{ key ed25519.PrivateKey }

func newProvider(t testing.TB) provider {
	t.Helper()
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	return provider{key}
}

func base64URL(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// jwks is the set of its keys, as it publishes it.
func (p provider) jwks() string {
	x := base64URL(p.key.Public().(ed25519.PublicKey))
	return fmt.Sprintf(`{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"k1","use":"sig","alg":"EdDSA","x":%q}]}`, x)
}

// token is good for ten minutes, but for the claims that are given.
func (p provider) token(t testing.TB, claims map[string]any) string {
	t.Helper()
	return p.tokenOf(t, "k1", claims)
}

// tokenOf is token with another name of the key.
func (p provider) tokenOf(t testing.TB, kid string, claims map[string]any) string {
	t.Helper()
	now := time.Now()
	all := map[string]any{
		"iss": "https://id.example", "aud": "weft", "sub": "larry-canary@leadworks.example",
		"iat": now.Unix(), "exp": now.Add(10 * time.Minute).Unix(), "tid": sandbox.Acme, "scope": "openid conversations:read",
	}
	maps.Copy(all, claims)
	payload, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	text := base64URL([]byte(`{"alg":"EdDSA","kid":"`+kid+`","typ":"JWT"}`)) + "." + base64URL(payload)
	return text + "." + base64URL(ed25519.Sign(p.key, []byte(text)))
}

// Tokens go all the way: from an issuer's published keys to a tenant's document.
func TestTokens(t *testing.T) {
	issuer := newProvider(t)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, issuer.jwks()) }))
	defer srv.Close()
	in := install(t, options{extra: fmt.Sprintf(
		`issuers: [{issuer: "https://id.example", audience: weft, jwks_url: %q, algorithms: [EdDSA], tenant_claim: tid}]`, srv.URL+"/keys")})
	const path = "/api/conversations/" + sandbox.ExampleAPI
	for _, tt := range []struct {
		name, path string
		claims     map[string]any
		status     int
		code       string
	}{
		{"read", path, nil, 200, ""},
		{"list", "/api/conversations", nil, 200, ""},
		{"own workspaces", path, map[string]any{"workspaces": []string{workspaceOf(t, in, path)}}, 200, ""},
		{"other workspaces", path, map[string]any{"workspaces": []string{"elsewhere"}}, 404, "conversation_not_found"},
		{"other tenant", path, map[string]any{"tid": sandbox.Globex}, 404, "conversation_not_found"},
		{"no tenant", path, map[string]any{"tid": "initech"}, 401, "unauthorized"},
		{"no scope", path, map[string]any{"scope": "openid ops:all"}, 403, "insufficient_scope"},
		{"expired", path, map[string]any{"exp": time.Now().Add(-time.Minute).Unix()}, 401, "unauthorized"},
		{"other audience", path, map[string]any{"aud": "store"}, 401, "unauthorized"},
		{"no workspaces", path, map[string]any{"workspaces": []string{}}, 401, "unauthorized"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := in.get(t, issuer.token(t, tt.claims), tt.path)
			if a.status != tt.status || tt.code != "" && !strings.Contains(string(a.body), `"code":"`+tt.code+`"`) {
				t.Errorf("status %d, want %d %s: %.200s", a.status, tt.status, tt.code, a.body)
			}
		})
	}
	costs := in.get(t, issuer.token(t, map[string]any{"scope": "costs:read conversations:read"}), path)
	if !strings.Contains(string(costs.body), `"totalCost"`) || strings.Contains(string(in.get(t, keyAcme, path).body), `"totalCost"`) {
		t.Errorf("costs are for those who may see them: %.200s", costs.body)
	}
	if a := in.get(t, newProvider(t).token(t, nil), path); a.status != 401 {
		t.Errorf("a forged token: status %d, want 401", a.status)
	}
	srv.Close()
	if a := in.get(t, issuer.token(t, map[string]any{"jti": "another"}), path); a.status != 200 {
		t.Errorf("with the issuer away: status %d, want 200", a.status)
	}
}

// workspaceOf is where a conversation of Acme's is.
func workspaceOf(t *testing.T, in *installation, path string) string {
	t.Helper()
	var doc struct{ WorkspaceID string }
	if err := json.Unmarshal(in.get(t, keyAcme, path).body, &doc); err != nil || doc.WorkspaceID == "" {
		t.Fatalf("workspace %q, %v", doc.WorkspaceID, err)
	}
	return doc.WorkspaceID
}

// An expired key and a refused token get what an unknown key gets, and the log
// says nothing of who they are for.
func TestRefusedCredentials(t *testing.T) {
	issuer := newProvider(t)
	file := filepath.Join(t.TempDir(), "keys.json")
	if err := os.WriteFile(file, []byte(issuer.jwks()), 0o600); err != nil {
		t.Fatal(err)
	}
	secret, hash := newKey()
	text := strings.NewReplacer("HASH1", hash, "HASH2", hash2, "workspaces: []", "expires: 2020-01-31").Replace(sound) +
		fmt.Sprintf("issuers: [{issuer: 'https://id.example', audience: weft, jwks_file: %q, algorithms: [EdDSA], tenant: acme}]\n", file)
	cfg, err := parseConfig("weft.yaml", []byte(text), noEnv)
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	sys, err := build(cfg, slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	if err != nil {
		t.Fatal(err)
	}
	defer sys.close()
	ask := func(credential string) string {
		r := httptest.NewRequest(http.MethodGet, "/api/nothing", nil)
		r.Header.Set("Authorization", "Bearer "+credential)
		r.Header.Set("X-Request-Id", "the-same-for-all")
		w := httptest.NewRecorder()
		sys.public.Handler.ServeHTTP(w, r)
		return fmt.Sprint(w.Code, w.Header(), w.Body)
	}
	unknown := ask("weft_unknown")
	if !strings.HasPrefix(unknown, "401 ") {
		t.Errorf("an unknown key: %s", unknown)
	}
	late := issuer.token(t, map[string]any{"exp": time.Now().Add(-time.Hour).Unix()})
	for name, credential := range map[string]string{"expired key": secret, "expired token": late, "forged token": late[:len(late)-2]} {
		if got := ask(credential); got != unknown {
			t.Errorf("%s: %s\nunknown key: %s", name, got, unknown)
		}
	}
	good := issuer.token(t, nil)
	if got := ask(good); !strings.HasPrefix(got, "404 ") {
		t.Errorf("a good token: %s", got)
	}
	for _, canary := range []string{secret, late, good, "canary", hash} {
		if strings.Contains(log.String(), canary) {
			t.Errorf("the log shows %.20q:\n%s", canary, &log)
		}
	}
	for _, want := range []string{"a key has expired", "expired, or never to", `"key":"jwt:`} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log lacks %q:\n%s", want, &log)
		}
	}
}
