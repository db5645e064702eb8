package cache

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weft-gateway/weft/upstream/breaker"
)

func TestBoard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := sim(t)
		one, line := simLine(t, m)
		two, _ := simLine(t, m)
		a, b := one.Board(), two.Board()
		read := func() map[string]string {
			t.Helper()
			notes, err := b.Notes(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]string{}
			for name, note := range notes {
				got[name] = strings.Trim(string(note), `"`)
			}
			return got
		}
		step := func(name string, want map[string]string) {
			t.Helper()
			if diff := cmp.Diff(want, read()); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		}
		step("empty", map[string]string{})
		post := func(b *Board, name, note string) {
			t.Helper()
			if err := b.Post(t.Context(), name, []byte(strconv.Quote(note)), 10*time.Second); err != nil {
				t.Fatal(err)
			}
		}
		post(a, "host:1/a", "first")
		post(a, "host:1/a", "second")
		time.Sleep(6 * time.Second)
		post(b, "b", "third")
		step("both", map[string]string{"host:1/a": "second", "b": "third"})
		time.Sleep(5 * time.Second)
		step("one has ended", map[string]string{"b": "third"})
		if err := m.Set(boardKey("b"), string(bytes.Repeat([]byte("x"), maxEnvelope+1))); err != nil {
			t.Fatal(err)
		}
		if _, err := m.ZAdd(boardNamesKey, float64(time.Now().UnixMilli()), "not a name!"); err != nil {
			t.Fatal(err)
		}
		step("what nobody of ours posts", map[string]string{})
		if err := a.Post(t.Context(), "a", make([]byte, maxValue+1), time.Second); err == nil {
			t.Error("a note that is too long was taken")
		}

		time.Sleep(2 * boardKept)
		for i := range boardNames + 10 {
			post(b, fmt.Sprint("n", i), "x")
			time.Sleep(time.Millisecond)
		}
		if names, err := m.ZMembers(boardNamesKey); err != nil || len(names) != boardNames+10 {
			t.Errorf("%d names, %v: want those of the last hour", len(names), err)
		}
		if got := read(); len(got) != boardNames || got["n5"] != "" || got["n73"] == "" {
			t.Errorf("%d notes, want the latest %d", len(got), boardNames)
		}

		line.cut(true)
		if _, err := a.Notes(t.Context()); err == nil {
			t.Error("notes without Redis")
		}
		for range redisTrip {
			one.Inspect(t.Context(), []Key{{"t", "doc", "a"}})
		}
		err := a.Post(t.Context(), "a", []byte(`"x"`), time.Second)
		if _, ok := errors.AsType[*breaker.OpenError](err); !ok {
			t.Errorf("behind an open breaker: %v", err)
		}
		line.cut(false)
	})
}

// TestBoardIsEncrypted: as records are, and only who has the key reads a note.
func TestBoardIsEncrypted(t *testing.T) {
	r := startRedis(t)
	with := func(keys ...EncryptionKey) *Board {
		return r.cacheWith(Config{Encryption: keys, RedisDeadline: patient}).Board()
	}
	one, two, none := with(EncryptionKey{"k1", secretOf(1)}), with(EncryptionKey{"k2", secretOf(2)}, EncryptionKey{"k1", secretOf(1)}), with(EncryptionKey{"k3", secretOf(3)})
	if err := one.Post(t.Context(), "a", []byte(`"canary"`), time.Hour); err != nil {
		t.Fatal(err)
	}
	if found := r.scan("canary"); len(found) > 0 {
		t.Errorf("Redis shows it under %q", found)
	}
	for name, want := range map[*Board]string{one: `"canary"`, two: `"canary"`, none: ""} {
		notes, err := name.Notes(t.Context())
		if err != nil || string(notes["a"]) != want {
			t.Errorf("read %q, %v; want %q", notes["a"], err, want)
		}
	}
}

func TestNoBoardWithoutRedis(t *testing.T) {
	if b := newCache(t, Config{}).Board(); b != nil {
		t.Errorf("a board of %v", b)
	}
}
