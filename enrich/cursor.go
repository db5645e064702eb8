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
	cursorVersion = "2"
	digestLen     = 12

	// maxCursor is the longest cursor of a store, in bytes, that makes one of
	// ours which a caller can send: of 4096 characters.
	maxCursor = 4096*3/4 - digestLen - len(forward)
)

// position is where a page of a list begins, and which way the walk goes on
// from there, should one page of the store not be enough. It is written as a
// letter and the store's cursor.
type position struct {
	cursor string // the store's; "" is the first page
	back   bool
}

const (
	forward  = "n"
	backward = "p"
)

// cursorDigest binds a position to the list that it walks. Every field
// is preceded by its length, so that no two lists have the same bytes.
func cursorDigest(tenant string, r *ListRequest, text string) []byte {
	h := sha256.New()
	field := func(s string) { h.Write([]byte(strconv.Itoa(len(s)) + ":" + s)) }
	field(cursorVersion)
	field(tenant)
	field(text)
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

// sealCursor makes the public cursor; one without a store's cursor is "".
func sealCursor(tenant string, r *ListRequest, at position) string {
	if at.cursor == "" {
		return ""
	}
	text := forward + at.cursor
	if at.back {
		text = backward + at.cursor
	}
	return base64.RawURLEncoding.EncodeToString(append(cursorDigest(tenant, r, text), text...))
}

// openCursor returns the position that the request's cursor names, or false if
// it is not a cursor of this list.
func openCursor(tenant string, r *ListRequest) (position, bool) {
	if r.Cursor == "" {
		return position{}, true
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(r.Cursor)
	if err != nil || len(raw) <= digestLen+len(forward) || strings.ContainsAny(r.Cursor, "\r\n") { // which the decoder passes over
		return position{}, false
	}
	text := string(raw[digestLen:])
	if subtle.ConstantTimeCompare(raw[:digestLen], cursorDigest(tenant, r, text)) != 1 {
		return position{}, false
	}
	back := text[:1] == backward
	return position{text[1:], back}, back || text[:1] == forward
}

// pageKey is the cache id of one page of one list.
func pageKey(q upstream.ListQuery) string {
	r := ListRequest{Filters: q.Filters}
	h := sha256.New()
	h.Write(cursorDigest("", &r, q.Cursor))
	h.Write([]byte(strconv.Itoa(q.PerPage)))
	return hex.EncodeToString(h.Sum(nil)[:16])
}
