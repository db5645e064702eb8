package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// listener is a server of this process that counts who came.
type listener struct {
	url    string
	asked  atomic.Int64
	down   atomic.Bool
	server *http.Server
}

func listen(ctx context.Context, answer http.HandlerFunc) (*listener, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listener: %w", err)
	}
	s := &listener{url: "http://" + l.Addr().String()}
	s.server = &http.Server{ReadHeaderTimeout: 5 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.asked.Add(1)
		if s.down.Load() {
			panic(http.ErrAbortHandler)
		}
		answer(w, r)
	})}
	go func() { _ = s.server.Serve(l) }() // until it is closed
	return s, nil
}

func (s *listener) close() { _ = s.server.Close() }

// issuer signs tokens, and publishes its keys.
type issuer struct {
	*listener

	mu   sync.Mutex
	kid  string            // guarded by mu
	key  *ecdsa.PrivateKey // guarded by mu
	keys []map[string]any  // as published; guarded by mu
}

func newIssuer(ctx context.Context) (*issuer, error) {
	i := &issuer{}
	if err := i.rotate("first"); err != nil {
		return nil, err
	}
	l, err := listen(ctx, func(w http.ResponseWriter, _ *http.Request) {
		i.mu.Lock()
		defer i.mu.Unlock()
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"keys": i.keys}) // who asked may be gone
	})
	if err != nil {
		return nil, err
	}
	i.listener = l
	return i, nil
}

// rotate signs with a new key from now on; the earlier ones stay published.
func (i *issuer) rotate(kid string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("issuer: %w", err)
	}
	point, err := key.PublicKey.Bytes() // 4, x, y
	if err != nil {
		return fmt.Errorf("issuer: %w", err)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.kid, i.key = kid, key
	i.keys = append(i.keys, map[string]any{
		"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": kid, "x": encode(point[1:33]), "y": encode(point[33:]),
	})
	return nil
}

// token is one for a tenant; a kid that is not "" stands in the place of the
// key's own.
func (i *issuer) token(tenant, kid string) (string, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if kid == "" {
		kid = i.kid
	}
	header, err := json.Marshal(map[string]any{"alg": "ES256", "typ": "JWT", "kid": kid})
	if err != nil {
		return "", err
	}
	claims, err := json.Marshal(map[string]any{
		"iss": "urn:chaos", "aud": "weft", "sub": "somebody", "tid": tenant, "scope": "conversations:read",
		"iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix(),
	})
	if err != nil {
		return "", err
	}
	text := encode(header) + "." + encode(claims)
	sum := sha256.Sum256([]byte(text))
	r, s, err := ecdsa.Sign(rand.Reader, i.key, sum[:])
	if err != nil {
		return "", fmt.Errorf("issuer: %w", err)
	}
	return text + "." + encode(append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)), nil
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
