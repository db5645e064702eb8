package cache

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var (
	envelopeNow = time.Date(2026, 3, 25, 11, 42, 0, 123456789, time.UTC)
	envelopeKey = Key{"tenant", "doc", "id"}
)

func TestEnvelopeRoundTrip(t *testing.T) {
	tests := []struct {
		name string
		key  Key
		in   entry
	}{
		{"record", envelopeKey, entry{data: []byte(`{"a":1}`), storedAt: envelopeNow}},
		{"absence", envelopeKey, entry{absent: true, storedAt: envelopeNow}},
		{"odd names", Key{"", "doc", "\x00:é"}, entry{data: []byte(`null`), storedAt: envelopeNow}},
		{"largest", envelopeKey, entry{data: []byte(`"` + strings.Repeat("x", maxValue-2) + `"`), storedAt: envelopeNow}},
	}
	for _, tt := range tests {
		b, err := seal(tt.key, tt.in)
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		got, err := open(tt.key, b, envelopeNow)
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		if !bytes.Equal(got.data, tt.in.data) || got.absent != tt.in.absent || !got.storedAt.Equal(tt.in.storedAt) {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.in)
		}
	}
}

func TestSealRefusesTooLarge(t *testing.T) {
	for name, e := range map[Key]entry{
		envelopeKey: {data: make([]byte, maxValue+1)},
		{"t", "doc", strings.Repeat("x", maxNames)}: {data: []byte("1")},
	} {
		if _, err := seal(name, e); !errors.Is(err, errTooLarge) {
			t.Errorf("error = %v, want %v", err, errTooLarge)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	good := entry{data: []byte(`{"a":1}`), storedAt: envelopeNow}
	sealed := func(key Key, e entry) []byte {
		t.Helper()
		b, err := seal(key, e)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	with := func(i int, v byte) []byte {
		b := sealed(envelopeKey, good)
		b[i] = v
		binary.BigEndian.PutUint32(b[4:], checksum(b)) // right in itself
		return b
	}
	tests := []struct {
		name string
		b    []byte
		want error
	}{
		{"nothing", nil, errEnvelope},
		{"header alone", sealed(Key{}, good)[:envelopeHeader-1], errEnvelope},
		{"another version", with(2, envelopeVersion+1), errEnvelope},
		{"unknown flag", with(3, 2), errEnvelope},
		{"absent with a record", with(3, flagAbsent), errEnvelope},
		{"length past the end", with(16, 0xff), errForeign},
		{"other tenant", sealed(Key{"tenanx", "doc", "id"}, good), errForeign},
		{"other kind", sealed(Key{"tenant", "dog", "id"}, good), errForeign},
		{"other id", sealed(Key{"tenant", "doc", "ie"}, good), errForeign},
		{"letters moved between the names", sealed(Key{"tenantd", "oc", "id"}, good), errForeign},
		{"no JSON", sealed(envelopeKey, entry{storedAt: envelopeNow}), errEnvelope},
		{"of the far future", sealed(envelopeKey, entry{data: good.data, storedAt: envelopeNow.Add(maxSkew + 1)}), errEnvelope},
		{"too large", append(sealed(envelopeKey, good), make([]byte, maxEnvelope)...), errEnvelope},
	}
	for _, tt := range tests {
		if _, err := open(envelopeKey, tt.b, envelopeNow); !errors.Is(err, tt.want) {
			t.Errorf("%s: error = %v, want %v", tt.name, err, tt.want)
		}
	}
}

// A value whose envelope adds up is refused all the same if it is not JSON.
func TestUnpackRefusesWhatIsNotJSON(t *testing.T) {
	c := newCache(t, Config{})
	k := newLoader(t, c, testPolicy).kind
	for data, want := range map[string]bool{`{"Name":"A"}`: true, `{"Name":`: false, "\x00": false} {
		b, err := seal(envelopeKey, entry{data: []byte(data), storedAt: envelopeNow})
		if err != nil {
			t.Fatal(err)
		}
		if it, err := k.unpack(envelopeKey, b, envelopeNow); (err == nil) != want || (it != nil) != want {
			t.Errorf("%q: %v, %v; want it taken: %t", data, it, err, want)
		}
	}
}

func TestEveryFlippedBitIsSeen(t *testing.T) {
	b, err := seal(envelopeKey, entry{data: []byte(`{"name":"A","n":[1,2,3]}`), storedAt: envelopeNow})
	if err != nil {
		t.Fatal(err)
	}
	for bit := range len(b) * 8 {
		b[bit/8] ^= 1 << (bit % 8)
		if _, err := open(envelopeKey, b, envelopeNow); err == nil {
			t.Errorf("bit %d of byte %d can be flipped", bit%8, bit/8)
		}
		b[bit/8] ^= 1 << (bit % 8)
	}
	for n := range b {
		if _, err := open(envelopeKey, b[:n], envelopeNow); err == nil {
			t.Errorf("can be cut to %d bytes", n)
		}
	}
}

func TestOpenClampsTheFuture(t *testing.T) {
	b, err := seal(envelopeKey, entry{data: []byte(`1`), storedAt: envelopeNow.Add(maxSkew)})
	if err != nil {
		t.Fatal(err)
	}
	got, err := open(envelopeKey, b, envelopeNow)
	if err != nil || !got.storedAt.Equal(envelopeNow) {
		t.Errorf("stored at %v, %v; want %v", got.storedAt, err, envelopeNow)
	}
}

func FuzzOpen(f *testing.F) {
	good, err := seal(envelopeKey, entry{data: []byte(`{"a":1}`), storedAt: envelopeNow})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte("wf\x01\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		// Mutations hardly ever have the right checksum, so they get one.
		if len(b) >= 8 {
			binary.BigEndian.PutUint32(b[4:], checksum(b))
		}
		e, err := open(envelopeKey, b, envelopeNow)
		if err != nil {
			return
		}
		if e.absent != (len(e.data) == 0) {
			t.Errorf("accepted a record %q, absent: %v", e.data, e.absent)
		}
		if e.storedAt.After(envelopeNow) {
			t.Errorf("stored at %v, which is in the future", e.storedAt)
		}
		if again, err := seal(envelopeKey, e); err != nil || len(again) != len(b) {
			t.Errorf("sealed again: %d bytes, %v; want %d", len(again), err, len(b))
		}
	})
}

func FuzzSealOpen(f *testing.F) {
	f.Add("t", "doc", "id", "value", int64(0))
	f.Add("", "", "\x00", "\xff", int64(math.MinInt64))
	f.Fuzz(func(t *testing.T, tenant, kind, id, value string, nanos int64) {
		key := Key{tenant, kind, id}
		data, err := json.Marshal(value)
		if err != nil {
			t.Skip()
		}
		in := entry{data: data, storedAt: time.Unix(0, nanos)}
		b, err := seal(key, in)
		if err != nil {
			return
		}
		got, err := open(key, b, in.storedAt)
		if diff := cmp.Diff(string(in.data), string(got.data)); diff != "" || err != nil || !got.storedAt.Equal(in.storedAt) {
			t.Errorf("opened as %v, %v", got, err)
		}
	})
}
