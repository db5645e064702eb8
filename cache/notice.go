package cache

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
)

// notice is what replicas tell each other: to drop a record, or that subjects
// have been erased. What cannot be read is of another version, and passed over.
type notice struct {
	From  string      `json:"from,omitempty"` // who erased: it has done so already
	Drop  *Key        `json:"drop,omitempty"`
	Erase []subjectID `json:"erase,omitempty"`
}

// maxNotice bounds what is read, in bytes: some ten thousand subjects.
const maxNotice = 512 << 10

var errNotice = errors.New("cache: not a notice of this version")

func (n notice) encode() string {
	b, err := json.Marshal(n)
	if err != nil { // there is nothing in it that cannot be encoded
		panic(err)
	}
	return string(b)
}

func parseNotice(payload string) (notice, error) {
	var n notice
	if len(payload) > maxNotice {
		return n, errNotice
	}
	dec := json.NewDecoder(bytes.NewReader([]byte(payload)))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&n); err != nil || dec.More() || (n.Drop == nil) == (len(n.Erase) == 0) {
		return notice{}, errNotice
	}
	if n.Drop != nil && !validKind(n.Drop.Kind) {
		return notice{}, errNotice
	}
	for _, id := range n.Erase {
		if len(id) != subjectLen || strings.Trim(string(id), "0123456789abcdef") != "" {
			return notice{}, errNotice
		}
	}
	return n, nil
}
