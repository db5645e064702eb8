package main

import (
	"encoding/base64"
	"strings"
)

// EncryptionKey is a secret under which records are encrypted in Redis.
type EncryptionKey struct {
	ID  string `yaml:"id"`
	Key string `yaml:"key"` // 32 bytes in base64
}

// Audit is the log of who was shown what.
type Audit struct {
	File string `yaml:"file,omitempty"` // path, or "stdout"; "": there is none
	Hash bool   `yaml:"hash,omitempty"` // digests of contacts' ids rather than the ids
}

// stdout is the name of the standard output in place of a file's.
const stdout = "stdout"

func (k *EncryptionKey) shape() fields {
	return fields{
		"id": required{matching(&k.ID, "1 to 8 of a-z and 0-9", func(s string) bool {
			return len(s) <= 8 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789") == ""
		})},
		"key": required{matching(&k.Key, "32 bytes in base64, as openssl rand -base64 32 prints them", func(s string) bool {
			return len((&EncryptionKey{Key: s}).secret()) == 32
		})},
	}
}

// secret is the key itself; nil when it is not base64.
func (k *EncryptionKey) secret() []byte {
	b, err := base64.StdEncoding.Strict().DecodeString(k.Key)
	if err != nil {
		return nil
	}
	return b
}

// validatePrivacy checks that the settings can have an effect.
func (c *Config) validatePrivacy(r *report) {
	const at = "cache.encryption"
	if len(c.Cache.Encryption) > 0 && c.Redis.URL == "" && !r.wrong["redis.url"] {
		r.fail(at, "has no effect without redis.url")
	}
	ids, keys := make(map[string]string), make(map[string]string) // value -> its path
	for i, k := range c.Cache.Encryption {
		r.unique(ids, k.ID, join(index(at, i), "id"), "repeats the id of")
		r.unique(keys, k.Key, join(index(at, i), "key"), "is the key of")
	}
	if c.Audit.Hash && c.Audit.File == "" {
		r.fail("audit.hash", "has no effect without audit.file")
	}
}

// maskEncryption leaves the ids.
func maskEncryption(keys []EncryptionKey) []EncryptionKey {
	var masked []EncryptionKey
	for _, k := range keys {
		masked = append(masked, EncryptionKey{k.ID, mask})
	}
	return masked
}
