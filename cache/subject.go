package cache

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"time"
)

// subjectID stands for a subject of one tenant: something, as a person, that
// records are about. It is a digest, so that what has been erased is not
// written down by name, and 32 hex digits long.
type subjectID string

const subjectLen = 32

func idOf(tenant, subject string) subjectID {
	var scratch [160]byte
	b := append(strconv.AppendInt(scratch[:0], int64(len(tenant)), 10), ':')
	sum := sha256.Sum256(append(append(b, tenant...), subject...))
	var id [subjectLen]byte
	hex.Encode(id[:], sum[:subjectLen/2])
	return subjectID(id[:])
}

func idsOf(tenant string, subjects []string) []subjectID {
	ids := make([]subjectID, len(subjects))
	for i, s := range subjects {
		ids[i] = idOf(tenant, s)
	}
	return ids
}

// ownSubject is the subject that the key itself names, "" for none.
func (k *kind) ownSubject(key Key) string {
	if k.own == nil {
		return ""
	}
	return k.own(key.ID)
}

// aboutIDs are the subjects that only the record's value names.
func (k *kind) aboutIDs(key Key, it *item) []subjectID {
	if k.about == nil || it.absent {
		return nil
	}
	if known := it.about.Load(); known != nil {
		return *known
	}
	ids := k.readAbout(key, it)
	it.about.Store(&ids)
	return ids
}

// readAbout is aboutIDs for who will not ask again: nothing is remembered.
func (k *kind) readAbout(key Key, it *item) []subjectID {
	if k.about == nil || it.absent {
		return nil
	}
	return idsOf(key.Tenant, k.about(key.Tenant, key.ID, it.value))
}

// subjectIDs are all subjects of a record.
func (k *kind) subjectIDs(key Key, it *item) []subjectID {
	ids := slices.Clone(k.aboutIDs(key, it))
	if own := k.ownSubject(key); own != "" {
		ids = append(ids, idOf(key.Tenant, own))
	}
	return ids
}

// bans are subjects that nothing is kept of for a while: what was asked for
// before they were erased may still be on its way.
type bans struct {
	until map[subjectID]time.Time
	last  time.Time // when the last of them ends
}

// add bans ids, and forgets the bans that are over.
func (b *bans) add(ids map[subjectID]bool, now time.Time) {
	if b.until == nil {
		b.until = make(map[subjectID]time.Time, len(ids))
	}
	for id, until := range b.until {
		if now.After(until) {
			delete(b.until, id)
		}
	}
	b.last = now.Add(banFor)
	for id := range ids {
		b.until[id] = b.last
	}
}

// cover reports whether one of the record's subjects is banned.
func (b *bans) cover(k *kind, key Key, it *item, now time.Time) bool {
	if now.After(b.last) {
		return false
	}
	return slices.ContainsFunc(k.subjectIDs(key, it), func(id subjectID) bool {
		return b.until[id].After(now)
	})
}
