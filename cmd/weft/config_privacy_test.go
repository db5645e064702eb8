package main

import (
	"bytes"
	"strings"
	"testing"
)

const (
	goodKey  = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
	otherKey = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="
)

func privacyEdits() []edit {
	const badID, badKey = "want 1 to 8 of a-z and 0-9", "want 32 bytes in base64, as openssl rand -base64 32 prints them"
	keys := func(list string) string { return "cache:\n  encryption: " + list }
	const before = "redis: {url: \"\"}\ndeadlines: {request: 3s, store: 1s, crm: 1s, redis: 50ms}\ncache:"
	redis := func(list string) string {
		return strings.Replace(before, `""`, `"redis://h:1"`, 1) + "\n  encryption: " + list
	}
	return []edit{
		{"encryption without redis", "cache:", keys("[{id: k1, key: " + goodKey + "}]"), "weft.yaml:6: cache.encryption: has no effect without redis.url"},
		{"key without an id", before, redis("[{key: " + goodKey + "}]"), "weft.yaml:6: cache.encryption[0].id: is missing"},
		{"key id in capitals", before, redis("[{id: K1, key: " + goodKey + "}]"), "weft.yaml:6: cache.encryption[0].id: " + badID},
		{"key id that is long", before, redis("[{id: k23456789, key: " + goodKey + "}]"), "weft.yaml:6: cache.encryption[0].id: " + badID},
		{"no key", before, redis("[{id: k1}]"), "weft.yaml:6: cache.encryption[0].key: is missing"},
		{"16 bytes", before, redis("[{id: k1, key: T0KENAAAAAAAAAAAAAAAAA==}]"), "weft.yaml:6: cache.encryption[0].key: " + badKey},
		{"not base64", before, redis("[{id: k1, key: " + strings.Repeat("T0KEN!", 8) + "}]"), "weft.yaml:6: cache.encryption[0].key: " + badKey},
		{"same id", before, redis("[{id: k1, key: " + goodKey + "}, {id: k1, key: " + otherKey + "}]"), "weft.yaml:6: cache.encryption[1].id: repeats the id of cache.encryption[0].id on line 6"},
		{"same key", before, redis("[{id: k1, key: " + goodKey + "}, {id: k2, key: " + goodKey + "}]"), "weft.yaml:6: cache.encryption[1].key: is the key of cache.encryption[0].key on line 6"},
		{"audit of nothing", "cache:", "audit: {hash: true}\ncache:", "weft.yaml:5: audit.hash: has no effect without audit.file"},
		{"audit that is neither", "cache:", "audit: {file: a.log, hash: maybe}\ncache:", "weft.yaml:5: audit.hash: want true or false"},
		{"audit without a name", "cache:", "audit: {file: \"\"}\ncache:", "weft.yaml:5: audit.file: must not be empty"},
	}
}

func TestEncryptionKeysReachTheCache(t *testing.T) {
	c := Cache{Encryption: []EncryptionKey{{"k2", otherKey}, {"k1", goodKey}}}
	keys := c.encryptionKeys()
	if len(keys) != 2 || keys[0].ID != "k2" || !bytes.Equal(keys[0].Secret, bytes.Repeat([]byte{1}, 32)) || !bytes.Equal(keys[1].Secret, make([]byte, 32)) {
		t.Errorf("got %v", keys)
	}
	if c.Encryption = nil; c.encryptionKeys() != nil {
		t.Error("keys out of nothing")
	}
}
