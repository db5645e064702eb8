package ops

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net/http"
	"strings"
)

// Key is a key of the ops listener, known by its digest alone.
type Key struct {
	ID     string // names who has it in the log and in what is ordered
	SHA256 string // of the whole key, 64 lower-case hex digits
}

// maxKey bounds a key, in bytes.
const maxKey = 1 << 10

// actor returns the id of the key that a request carries. All keys are compared,
// so that the time it takes says nothing of which one is near.
func (s *Server) actor(r *http.Request) (id string, ok bool) {
	scheme, key, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || key == "" || len(key) > maxKey || len(r.Header["Authorization"]) != 1 {
		return "", false
	}
	sum := sha256.Sum256([]byte(key))
	digest := []byte(hex.EncodeToString(sum[:]))
	for _, k := range s.cfg.Keys() {
		if subtle.ConstantTimeCompare(digest, []byte(k.SHA256)) == 1 {
			id, ok = k.ID, true
		}
	}
	return id, ok
}
