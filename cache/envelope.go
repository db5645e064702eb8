package cache

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"time"
)

// The envelope of a record in Redis, integers big-endian:
//
//	0  2  "wf"
//	2  1  version
//	3  1  flags: 1 means that the source has no such record
//	4  4  CRC-32C of everything else
//	8  8  stored-at, Unix nanoseconds
//	16 6  length of tenant, kind, id, two bytes each
//	22    tenant, kind, id, then the record's JSON
const (
	envelopeVersion = 1
	envelopeHeader  = 22
	flagAbsent      = 1

	// maxValue is the largest record that is written to Redis, in bytes. A
	// larger one would use up the deadline of the read that meets it.
	maxValue = 256 << 10

	// maxEnvelope bounds a read, so that a huge value under one of our keys
	// is not even transferred.
	maxEnvelope = maxValue + envelopeHeader + maxNames

	// maxNames bounds tenant, kind and id together, in bytes.
	maxNames = 4 << 10

	// maxSkew is how far another replica's clock may be ahead of ours.
	maxSkew = 10 * time.Minute
)

var (
	errEnvelope = errors.New("cache: not an envelope of this version, or damaged")
	errForeign  = errors.New("cache: the envelope is of another record")
	errTooLarge = errors.New("cache: the record is too large for Redis")
)

// entry is a record as Redis holds it.
type entry struct {
	data     []byte // the record's JSON; empty when absent
	absent   bool
	storedAt time.Time
}

// seal returns the envelope of e under key.
func seal(key Key, e entry) ([]byte, error) {
	return appendSealed(make([]byte, 0, sealedSize(key, e)), key, e)
}

// sealedSize is the size of the envelope of e under key.
func sealedSize(key Key, e entry) int {
	return envelopeHeader + len(key.Tenant) + len(key.Kind) + len(key.ID) + len(e.data)
}

// appendSealed returns the envelope of e under key, in the room that free has
// behind its end, if it has so much.
func appendSealed(free []byte, key Key, e entry) ([]byte, error) {
	names := [...]string{key.Tenant, key.Kind, key.ID}
	if len(e.data) > maxValue || sealedSize(key, e)-envelopeHeader-len(e.data) > maxNames {
		return nil, errTooLarge
	}
	b := append(free[len(free):], make([]byte, envelopeHeader)...)
	copy(b, "wf")
	b[2] = envelopeVersion
	if e.absent {
		b[3] = flagAbsent
	}
	binary.BigEndian.PutUint64(b[8:], uint64(e.storedAt.UnixNano()))
	for i, s := range names {
		binary.BigEndian.PutUint16(b[16+2*i:], uint16(len(s)))
		b = append(b, s...)
	}
	b = append(b, e.data...)
	binary.BigEndian.PutUint32(b[4:], checksum(b))
	return b, nil
}

// open reads the envelope that was found under key. The data aliases b.
func open(key Key, b []byte, now time.Time) (entry, error) {
	if len(b) < envelopeHeader || len(b) > maxEnvelope ||
		string(b[:2]) != "wf" || b[2] != envelopeVersion || b[3]&^flagAbsent != 0 ||
		binary.BigEndian.Uint32(b[4:]) != checksum(b) {
		return entry{}, errEnvelope
	}
	rest := b[envelopeHeader:]
	for i, want := range [...]string{key.Tenant, key.Kind, key.ID} {
		n := int(binary.BigEndian.Uint16(b[16+2*i:]))
		if n != len(want) || n > len(rest) || string(rest[:n]) != want {
			return entry{}, errForeign
		}
		rest = rest[n:]
	}
	e := entry{data: rest, absent: b[3] == flagAbsent}
	e.storedAt = time.Unix(0, int64(binary.BigEndian.Uint64(b[8:])))
	return e, e.check(now)
}

// check refuses what no replica of ours would have written. Whether the data is
// JSON is for the codec to say, which reads it anyway.
func (e *entry) check(now time.Time) error {
	switch {
	case e.storedAt.Sub(now) > maxSkew:
		return errEnvelope
	case e.absent != (len(e.data) == 0), len(e.data) > maxValue:
		return errEnvelope
	}
	// A clock a little ahead of ours must not make its record beat those that
	// we load after it.
	if e.storedAt.After(now) {
		e.storedAt = now
	}
	return nil
}

func checksum(b []byte) uint32 {
	c := crc32.Checksum(b[:4], castagnoli)
	return crc32.Update(c, castagnoli, b[8:])
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)
