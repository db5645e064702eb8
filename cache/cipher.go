package cache

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

// EncryptionKey is a secret under which records are encrypted in Redis.
type EncryptionKey struct {
	ID     string // 1-8 of a-z and 0-9; stands in the clear before what the key has encrypted
	Secret []byte // 32 bytes; each record is encrypted under a key derived from it
}

// A value that is encrypted, in Redis:
//
//	0  2  "wf"
//	2  1  version
//	3  1  length of the key's id
//	4     the key's id, then nonce, ciphertext and tag
//
// What is encrypted of a record is its flags, one byte, and stored-at, Unix
// nanoseconds in eight bytes, big-endian; then its JSON. Whose record it is
// stands nowhere in it: that is additional data.
const (
	encryptedVersion = 2
	encryptedHeader  = 4
	secretSize       = 32
	maxKeyID         = 8
	recordHeader     = 9
)

// errUnknownKey: the value may be good, but this process cannot read it.
var errUnknownKey = errors.New("cache: encrypted with a key that is not configured")

// keyring encrypts with its first key and decrypts with all. A nil keyring
// does neither: it writes in the clear, and reads that alone.
type keyring struct {
	first string            // id of the key that writes
	keys  map[string][]byte // id -> secret
}

// newKeyring returns nil for no keys.
func newKeyring(keys []EncryptionKey) (*keyring, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	r := &keyring{first: keys[0].ID, keys: make(map[string][]byte, len(keys))}
	for _, k := range keys {
		if !validKeyID(k.ID) {
			return nil, fmt.Errorf("cache: encryption key %q: the id is not 1-8 of a-z and 0-9", k.ID)
		}
		if len(k.Secret) != secretSize {
			return nil, fmt.Errorf("cache: encryption key %q has not %d bytes", k.ID, secretSize)
		}
		if r.keys[k.ID] != nil {
			return nil, fmt.Errorf("cache: there are two encryption keys %q", k.ID)
		}
		r.keys[k.ID] = k.Secret
	}
	return r, nil
}

func validKeyID(id string) bool {
	for i := range len(id) {
		if c := id[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return false
		}
	}
	return id != "" && len(id) <= maxKeyID
}

// seal is the envelope of e under key.
func (r *keyring) seal(key Key, e entry) ([]byte, error) {
	if r == nil {
		return seal(key, e)
	}
	if len(e.data) > maxValue || len(key.Tenant)+len(key.Kind)+len(key.ID) > maxNames {
		return nil, errTooLarge
	}
	plain := make([]byte, recordHeader, recordHeader+len(e.data))
	if e.absent {
		plain[0] = flagAbsent
	}
	binary.BigEndian.PutUint64(plain[1:], uint64(e.storedAt.UnixNano()))
	return r.encrypt(key, append(plain, e.data...))
}

// open reads the envelope that was found under key. What is not encrypted is
// no envelope where there are keys: anybody could have put it there.
func (r *keyring) open(key Key, b []byte, now time.Time) (entry, error) {
	if r == nil && !encrypted(b) {
		return open(key, b, now)
	}
	if len(b) > maxEnvelope {
		return entry{}, errEnvelope
	}
	plain, err := r.decrypt(key, b)
	switch {
	case err != nil:
		return entry{}, err
	case len(plain) < recordHeader || plain[0]&^flagAbsent != 0:
		return entry{}, errEnvelope
	}
	e := entry{data: plain[recordHeader:], absent: plain[0] == flagAbsent}
	e.storedAt = time.Unix(0, int64(binary.BigEndian.Uint64(plain[1:])))
	return e, e.check(now)
}

func (r *keyring) encrypt(key Key, plain []byte) ([]byte, error) {
	bound := boundTo(r.first, key)
	gcm, err := r.cipher(r.first, bound)
	if err != nil {
		return nil, err
	}
	b := make([]byte, 0, encryptedHeader+len(r.first)+len(plain)+gcm.Overhead())
	b = append(b, 'w', 'f', encryptedVersion, byte(len(r.first)))
	b = append(b, r.first...)
	return gcm.Seal(b, nil, plain, bound), nil //nolint:gosec // no nonce is given: this AEAD makes a random one
}

func (r *keyring) decrypt(key Key, b []byte) ([]byte, error) {
	if !encrypted(b) {
		return nil, errEnvelope
	}
	size := int(b[3])
	if size > maxKeyID || len(b) < encryptedHeader+size {
		return nil, errEnvelope
	}
	id := string(b[encryptedHeader : encryptedHeader+size])
	if r == nil || r.keys[id] == nil {
		if !validKeyID(id) {
			return nil, errEnvelope
		}
		return nil, errUnknownKey
	}
	bound := boundTo(id, key)
	gcm, err := r.cipher(id, bound)
	if err != nil {
		return nil, err
	}
	plain, err := gcm.Open(nil, nil, b[encryptedHeader+size:], bound)
	if err != nil {
		return nil, errForeign
	}
	return plain, nil
}

// cipher derives the key of one record, so that the bound on messages under
// one key of AES-GCM, 2^32, is one on the versions of one record.
func (r *keyring) cipher(id string, bound []byte) (cipher.AEAD, error) {
	derived, err := hkdf.Expand(sha256.New, r.keys[id], string(bound), secretSize)
	if err != nil {
		return nil, fmt.Errorf("cache: derive a key: %w", err)
	}
	block, err := aes.NewCipher(derived)
	if err != nil {
		return nil, fmt.Errorf("cache: cipher: %w", err)
	}
	return cipher.NewGCMWithRandomNonce(block)
}

func encrypted(b []byte) bool {
	return len(b) >= encryptedHeader && string(b[:2]) == "wf" && b[2] == encryptedVersion
}

// boundTo is the additional data: all that says which value this is. Lengths
// stand before what could be cut elsewhere.
func boundTo(id string, key Key) []byte {
	b := make([]byte, 0, 16+len(id)+len(key.Tenant)+len(key.Kind)+len(key.ID))
	b = append(b, encryptedVersion)
	for _, s := range [...]string{id, key.Tenant, key.Kind, key.ID} {
		b = binary.BigEndian.AppendUint16(b, uint16(len(s)))
		b = append(b, s...)
	}
	return b
}
