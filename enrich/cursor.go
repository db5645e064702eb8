package enrich

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/weft-gateway/weft/upstream"
)

// A cursor is a store's cursor behind a digest of what it belongs to: the
// tenant, the filters and the workspaces. Used with others it is refused,
// on any replica, without a word kept anywhere.
const (
	cursorVersion = "1"
	digestLen     = 12
)

// cursorDigest binds a store's cursor to the list that it walks. Every field
// is preceded by its length, so that no two lists have the same bytes.
func cursorDigest(tenant string, r *ListRequest, storeCursor string) []byte {
	h := sha256.New()
	field := func(s string) { h.Write([]byte(strconv.Itoa(len(s)) + ":" + s)) }
	field(cursorVersion)
	field(tenant)
	field(storeCursor)
	for _, f := range slices.Sorted(maps.Keys(r.Filters)) {
		field(string(f))
		field(r.Filters[f])
	}
	field("") // no filter is empty: the workspaces begin here
	for _, w := range slices.Sorted(slices.Values(r.Workspaces)) {
		field(w)
	}
	return h.Sum(nil)[:digestLen]
}

// sealCursor makes the public cursor; "" stays "".
func sealCursor(tenant string, r *ListRequest, storeCursor string) string {
	if storeCursor == "" {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(append(cursorDigest(tenant, r, storeCursor), storeCursor...))
}

// openCursor returns the store's cursor, or false if this is not a cursor of
// this list.
func openCursor(tenant string, r *ListRequest) (string, bool) {
	if r.Cursor == "" {
		return "", true
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(r.Cursor)
	if err != nil || len(raw) <= digestLen || strings.ContainsAny(r.Cursor, "\r\n") { // which the decoder passes over
		return "", false
	}
	store := string(raw[digestLen:])
	return store, subtle.ConstantTimeCompare(raw[:digestLen], cursorDigest(tenant, r, store)) == 1
}

// pageKey is the cache id of one page of one list.
func pageKey(q upstream.ListQuery) string {
	r := ListRequest{Filters: q.Filters}
	h := sha256.New()
	h.Write(cursorDigest("", &r, q.Cursor))
	h.Write([]byte(strconv.Itoa(q.PerPage)))
	return hex.EncodeToString(h.Sum(nil)[:16])
}
