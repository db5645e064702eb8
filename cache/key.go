package cache

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strings"
)

// keyPrefix begins every Redis key. The number is the format's version: it
// changes with the layout of keys or of envelopes, so that two versions of the
// program can run against one Redis.
const keyPrefix = "weft:1:"

// Key names a record: whose it is, what it is, and its id.
type Key struct {
	Tenant, Kind, ID string
}

// redisKey is the record's key in Redis. No two keys have one name: the tenant
// is a digest of fixed length, so that names of tenants do not show in Redis
// either; the id is in an alphabet without a colon; the kind is what is between.
// All keys of this package are made in this file, and the second field of the
// others holds a letter that no digest has.
func (k Key) redisKey() string {
	digest := digestOf(k.Tenant)
	return string(k.appendRedis(make([]byte, 0, 128), keyPrefix, digest[:]))
}

func (k Key) appendRedis(b []byte, prefix string, digest []byte) []byte {
	b = append(append(b, prefix...), digest...)
	b = append(append(append(b, ':'), k.Kind...), ':')
	return base64.RawURLEncoding.AppendEncode(b, []byte(k.ID))
}

// The names of leases and checkpoints hold those of tenants.

func indexKey(tenant string) string    { return keyPrefix + "index:" + tenantDigest(tenant) }
func leaseKey(name string) string      { return keyPrefix + "lease:" + tenantDigest(name) }
func checkpointKey(name string) string { return keyPrefix + "checkpoint:" + tenantDigest(name) }

// turnField is what the name of a turn has before that of its record.
const turnField = "turn:"

// turnKey is held by who loads the record.
func (k Key) turnKey() string {
	digest := digestOf(k.Tenant)
	return string(k.appendRedis(make([]byte, 0, 128), keyPrefix+turnField, digest[:]))
}

// aboutKey holds which records are about a subject.
func aboutKey(id subjectID) string { return aboutPrefix + string(id) }

const aboutPrefix = keyPrefix + "about:"

// The channel on which replicas tell each other what to drop, and the log of
// what was erased, for those that did not listen.
const (
	noticeChannel = keyPrefix + "drop"
	erasuresKey   = keyPrefix + "erasures"
)

// Notes of replicas, and the names under which there may be some.
const boardNamesKey = keyPrefix + "notes"

// noteKey is what the envelope of a note says that it is.
func noteKey(name string) Key { return Key{Kind: "note", ID: name} }

func boardKey(name string) string { return keyPrefix + "note:" + encodeID(name) }

// member names a record of the tenant that is not named with it.
func (k Key) member() string { return string(k.appendMember(make([]byte, 0, 96))) }

func (k Key) appendMember(b []byte) []byte {
	return base64.RawURLEncoding.AppendEncode(append(append(b, k.Kind...), ':'), []byte(k.ID))
}

// parseMember reads what member wrote.
func parseMember(tenant, member string) (Key, bool) {
	kind, id, ok := strings.Cut(member, ":")
	raw, sound := decodeID(id)
	return Key{tenant, kind, raw}, ok && sound && validKind(kind)
}

// rateKey has the tenant in braces: a cluster keeps what they hold alike in one
// slot, and the buckets of a tenant are judged together.
func rateKey(tenant, name string) string {
	return keyPrefix + "rate:{" + tenantDigest(tenant) + "}:" + encodeID(name)
}

// digestLen is the length of a tenant's digest, in hex digits.
const digestLen = 32

func digestOf(tenant string) (digest [digestLen]byte) {
	sum := sha256.Sum256([]byte(tenant))
	hex.Encode(digest[:], sum[:digestLen/2])
	return digest
}

func tenantDigest(tenant string) string {
	digest := digestOf(tenant)
	return string(digest[:])
}

// decodeID reads what encodeID wrote.
func decodeID(id string) (string, bool) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(id)
	// A decoder passes over line ends, which we never write.
	return string(raw), err == nil && encodeID(string(raw)) == id
}

func encodeID(id string) string { return base64.RawURLEncoding.EncodeToString([]byte(id)) }

// validKind reports whether name is fit for a key, a metric's label and a log.
func validKind(name string) bool {
	for _, c := range name {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return name != "" && len(name) <= 32
}
