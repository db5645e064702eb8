package chatwoot

import (
	"strconv"
	"strings"
)

// edge is a place between two rows, as our cursors name it: after a row, or
// before it. It names the row itself, so that a conversation that moves or comes
// while somebody walks through the list takes no other one's turn:
//
//   - Rows that were pushed to another page are looked for there.
//   - If the row itself has moved or is gone, what is older than it comes next.
//
// Activity is known to the second. Where the row is gone, others of the same
// second are shown once more rather than perhaps never.
type edge struct {
	back bool
	page int    // where the row was last seen, from 1
	size int    // rows of a page of the server's, as far as is known; from 1
	at   int64  // unix seconds
	id   string // a number
}

func (e edge) String() string {
	way := "n"
	if e.back {
		way = "p"
	}
	return way + "." + strconv.Itoa(e.page) + "." + strconv.Itoa(e.size) + "." + strconv.FormatInt(e.at, 10) + "." + e.id
}

// readEdge reads a cursor; the first page has none.
func readEdge(cursor string) (*edge, bool) {
	if cursor == "" {
		return nil, true
	}
	parts := strings.Split(cursor, ".")
	if len(parts) != 5 || parts[0] != "n" && parts[0] != "p" || !isNumber(parts[4]) {
		return nil, false
	}
	page, err1 := strconv.Atoi(parts[1])
	size, err2 := strconv.Atoi(parts[2])
	at, err3 := strconv.ParseInt(parts[3], 10, 64)
	if err1 != nil || err2 != nil || err3 != nil || page < 1 || page > maxPage || size < 1 || size > maxPage || at < 0 {
		return nil, false
	}
	return &edge{back: parts[0] == "p", page: page, size: size, at: at, id: parts[4]}, true
}

// maxPage bounds the numbers of a cursor, so that no sum of them overflows.
const maxPage = 1 << 30
