package cache

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"
)

func secretOf(b byte) []byte { return bytes.Repeat([]byte{b}, secretSize) }

func ringOf(t testing.TB, ids ...string) *keyring {
	t.Helper()
	var keys []EncryptionKey
	for _, id := range ids {
		keys = append(keys, EncryptionKey{id, secretOf(id[len(id)-1])})
	}
	r, err := newKeyring(keys)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestKeyringRefuses(t *testing.T) {
	tests := []struct {
		name string
		keys []EncryptionKey
	}{
		{"no id", []EncryptionKey{{"", secretOf(1)}}},
		{"long id", []EncryptionKey{{"k23456789", secretOf(1)}}},
		{"odd id", []EncryptionKey{{"K1", secretOf(1)}}},
		{"short secret", []EncryptionKey{{"k1", secretOf(1)[1:]}}},
		{"long secret", []EncryptionKey{{"k1", append(secretOf(1), 1)}}},
		{"same id", []EncryptionKey{{"k1", secretOf(1)}, {"k1", secretOf(2)}}},
	}
	for _, tt := range tests {
		if _, err := newKeyring(tt.keys); err == nil {
			t.Errorf("%s: no error", tt.name)
		} else if strings.Contains(err.Error(), string(secretOf(1))) {
			t.Errorf("%s: the error shows the key", tt.name)
		}
	}
	if _, err := New(Config{Encryption: tests[0].keys}); err == nil {
		t.Error("New takes them")
	}
}

func TestEncryptedRoundTrip(t *testing.T) {
	r := ringOf(t, "k1")
	for name, in := range map[string]entry{
		"record":  {data: []byte(`{"name":"canary"}`), storedAt: envelopeNow},
		"absence": {absent: true, storedAt: envelopeNow},
		"largest": {data: []byte(`"` + strings.Repeat("x", maxValue-2) + `"`), storedAt: envelopeNow},
	} {
		b, err := r.seal(envelopeKey, in)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if len(b) > maxEnvelope || bytes.Contains(b, []byte("canary")) || bytes.Contains(b, []byte("tenant")) {
			t.Errorf("%s: %d bytes, that show what they hold", name, len(b))
		}
		got, err := r.open(envelopeKey, b, envelopeNow)
		if err != nil || !bytes.Equal(got.data, in.data) || got.absent != in.absent || !got.storedAt.Equal(in.storedAt) {
			t.Errorf("%s: got %v, %v; want %v", name, got, err, in)
		}
		again, err := r.seal(envelopeKey, in)
		if err != nil || bytes.Equal(b, again) {
			t.Errorf("%s: sealed twice the same, %v", name, err)
		}
	}
	if _, err := r.seal(envelopeKey, entry{data: make([]byte, maxValue+1)}); !errors.Is(err, errTooLarge) {
		t.Errorf("too large: %v", err)
	}
}

// TestWhoReadsWhat is the rotation: k1 writes, then k2 does and k1 still reads,
// then k1 is gone.
func TestWhoReadsWhat(t *testing.T) {
	none, old, both, after := (*keyring)(nil), ringOf(t, "k1"), ringOf(t, "k2", "k1"), ringOf(t, "k2")
	tests := []struct {
		name          string
		writer, reads *keyring
		want          error
	}{
		{"in the clear", none, none, nil},
		{"before the rotation", old, old, nil},
		{"what the old key wrote", old, both, nil},
		{"what the new key writes", both, both, nil},
		{"a replica without the new key", both, old, errUnknownKey},
		{"the old key is gone", old, after, errUnknownKey},
		{"what it had written anew", both, after, nil},
		{"encryption switched on", none, old, errEnvelope},
		{"encryption switched off", old, none, errUnknownKey},
	}
	for _, tt := range tests {
		b, err := tt.writer.seal(envelopeKey, entry{data: []byte(`1`), storedAt: envelopeNow})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tt.reads.open(envelopeKey, b, envelopeNow); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
		c, err := tt.writer.hide("name", "cursor")
		if err != nil {
			t.Fatal(err)
		}
		want := "cursor"
		if tt.want != nil {
			want = ""
		}
		if got := tt.reads.unhide("name", c); got != want {
			t.Errorf("%s: checkpoint %q, want %q", tt.name, got, want)
		}
	}
}

func TestSameIDOtherSecret(t *testing.T) {
	b, err := ringOf(t, "k1").seal(envelopeKey, entry{data: []byte(`1`), storedAt: envelopeNow})
	if err != nil {
		t.Fatal(err)
	}
	other, err := newKeyring([]EncryptionKey{{"k1", secretOf('x')}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.open(envelopeKey, b, envelopeNow); !errors.Is(err, errForeign) {
		t.Errorf("error %v", err)
	}
}

func TestMovedCiphertext(t *testing.T) {
	r := ringOf(t, "k1")
	for name, key := range map[string]Key{
		"other tenant": {"tenanx", "doc", "id"}, "other kind": {"tenant", "dog", "id"}, "other id": {"tenant", "doc", "ie"},
		"letters moved": {"tenantd", "oc", "id"}, "letters moved on": {"tenant", "doci", "d"},
	} {
		b, err := r.seal(key, entry{data: []byte(`1`), storedAt: envelopeNow})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.open(envelopeKey, b, envelopeNow); !errors.Is(err, errForeign) {
			t.Errorf("%s: error %v, want %v", name, err, errForeign)
		}
	}
	c, err := r.hide("a", "cursor")
	if err != nil || r.unhide("b", c) != "" {
		t.Errorf("a checkpoint can be moved: %v", err)
	}
}

func TestEveryFlippedBitOfCiphertextIsSeen(t *testing.T) {
	r := ringOf(t, "k1")
	b, err := r.seal(envelopeKey, entry{data: []byte(`{"name":"A"}`), storedAt: envelopeNow})
	if err != nil {
		t.Fatal(err)
	}
	for bit := range len(b) * 8 {
		b[bit/8] ^= 1 << (bit % 8)
		if _, err := r.open(envelopeKey, b, envelopeNow); err == nil {
			t.Errorf("bit %d of byte %d can be flipped", bit%8, bit/8)
		}
		b[bit/8] ^= 1 << (bit % 8)
	}
	for n := range b {
		if _, err := r.open(envelopeKey, b[:n], envelopeNow); err == nil {
			t.Errorf("can be cut to %d bytes", n)
		}
	}
	if _, err := r.open(envelopeKey, append(b, make([]byte, maxEnvelope)...), envelopeNow); !errors.Is(err, errEnvelope) {
		t.Errorf("too large: %v", err)
	}
}

// TestRotationInRedis: what was written under the old key is read under the
// new one; what nobody here can read stays for those who can; what is damaged goes.
func TestRotationInRedis(t *testing.T) {
	r := startRedis(t)
	withKeys := func(ids ...string) (*Cache, *Loader[doc]) {
		var keys []EncryptionKey
		for _, id := range ids {
			keys = append(keys, EncryptionKey{id, secretOf(id[len(id)-1])})
		}
		c := r.cacheWith(Config{Encryption: keys, RedisDeadline: patient})
		return c, newLoader(t, c, testPolicy)
	}
	peek := func(l *Loader[doc], id string) State { return l.Peek(t.Context(), "t", []string{id}, false)[0].State }

	before, l := withKeys("k1")
	l.Put("t", "a", doc{"canary-one"})
	l.Put("t", "b", doc{"canary-two"})
	if err := before.SetCheckpoint(t.Context(), "walk", "canary-cursor", time.Hour); err != nil {
		t.Fatal(err)
	}
	written(t, before, 2)

	during, l := withKeys("k2", "k1")
	if got := peek(l, "a"); got != Cached {
		t.Errorf("under the new key: %v", got)
	}
	if got, err := during.Checkpoint(t.Context(), "walk"); got != "canary-cursor" {
		t.Errorf("checkpoint %q, %v", got, err)
	}
	l.Put("t", "a", doc{"canary-three"})
	written(t, during, 1)

	after, l := withKeys("k2")
	if a, b := peek(l, "a"), peek(l, "b"); a != Cached || b != Failed {
		t.Errorf("after the rotation: %v and %v", a, b)
	}
	clear, l := withKeys()
	if got := peek(l, "a"); got != Failed {
		t.Errorf("without encryption: %v", got)
	}
	for name, c := range map[string]*Cache{"after": after, "in the clear": clear} {
		c.Close() // sends removals
		if s := c.Stats().Redis; s.UnknownKeys != 1 || s.Corrupt != 0 {
			t.Errorf("%s: %d of unknown keys, %d corrupt; want 1 and 0", name, s.UnknownKeys, s.Corrupt)
		}
	}
	for _, id := range []string{"a", "b"} {
		if n := r.admin.Exists(t.Context(), Key{"t", "doc", id}.redisKey()).Val(); n != 1 {
			t.Errorf("%s is gone, though another replica may read it", id)
		}
	}
	if found := r.scan("canary"); len(found) > 0 {
		t.Errorf("in the clear: %q", found)
	}

	last, l := withKeys("k2")
	r.admin.SetRange(t.Context(), Key{"t", "doc", "a"}.redisKey(), 30, "\xff\xff")
	if got := peek(l, "a"); got != Failed {
		t.Errorf("damaged: %v", got)
	}
	last.Close()
	if n := r.admin.Exists(t.Context(), Key{"t", "doc", "a"}.redisKey()).Val(); n != 0 || last.Stats().Redis.Corrupt != 1 {
		t.Errorf("the damaged value is there: %d, counted %d", n, last.Stats().Redis.Corrupt)
	}
}

func FuzzOpenEncrypted(f *testing.F) {
	r := ringOf(f, "k1")
	good, err := r.seal(envelopeKey, entry{data: []byte(`{"a":1}`), storedAt: envelopeNow})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte("wf\x02\x02k1"))
	f.Add([]byte("wf\x02\xff"))
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := r.open(envelopeKey, b, envelopeNow)
		if err == nil && (string(e.data) != `{"a":1}` || !e.storedAt.Equal(envelopeNow)) { // nothing else was ever sealed
			t.Errorf("opened %x as %q of %v", b, e.data, e.storedAt)
		}
		if (*keyring)(nil).unhide("n", string(b)) != "" && encrypted(b) {
			t.Error("ciphertext was taken for a checkpoint")
		}
	})
}

func BenchmarkSealOpen(b *testing.B) {
	data, err := json.Marshal(strings.Repeat("x", 2048))
	if err != nil {
		b.Fatal(err)
	}
	for name, r := range map[string]*keyring{"clear": nil, "encrypted": ringOf(b, "k1")} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				sealed, err := r.seal(envelopeKey, entry{data: data, storedAt: envelopeNow})
				if err != nil {
					b.Fatal(err)
				}
				if _, err := r.open(envelopeKey, sealed, envelopeNow); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
