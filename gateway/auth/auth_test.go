package auth

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const secret = "weft_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG"

func sum(key string) string {
	d := sha256.Sum256([]byte(key))
	return hex.EncodeToString(d[:])
}

func testKeys(t testing.TB) *Keys {
	t.Helper()
	k, err := New([]Key{
		{TenantID: "acme", ID: "inbox", SHA256: sum(secret), Scopes: []string{ScopeRead}},
		{TenantID: "globex", ID: "inbox", SHA256: sum("k"), Scopes: []string{ScopeRead, ScopeCosts}, Workspaces: []string{"w1"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestAuthenticate(t *testing.T) {
	acme := Principal{TenantID: "acme", KeyID: "inbox", Scopes: []string{ScopeRead}}
	globex := Principal{TenantID: "globex", KeyID: "inbox", Scopes: []string{ScopeRead, ScopeCosts}, Workspaces: []string{"w1"}}
	tests := []struct {
		name, header string
		want         Principal
		ok           bool
	}{
		{"good", "Bearer " + secret, acme, true},
		{"scheme in lower case", "bearer " + secret, acme, true},
		{"scheme in upper case", "BEARER k", globex, true},
		{"empty", "", Principal{}, false},
		{"scheme alone", "Bearer", Principal{}, false},
		{"no token", "Bearer ", Principal{}, false},
		{"two spaces", "Bearer  " + secret, Principal{}, false},
		{"tab", "Bearer\t" + secret, Principal{}, false},
		{"leading space", " Bearer " + secret, Principal{}, false},
		{"trailing space", "Bearer " + secret + " ", Principal{}, false},
		{"other scheme", "Basic " + secret, Principal{}, false},
		{"truncated", "Bearer " + secret[:len(secret)-1], Principal{}, false},
		{"longer", "Bearer " + secret + "x", Principal{}, false},
		{"other case", "Bearer " + strings.ToUpper(secret), Principal{}, false},
		{"the digest", "Bearer " + sum(secret), Principal{}, false},
		{"two keys", "Bearer k, Bearer k", Principal{}, false},
		{"not ASCII", "Bearer k\u00e9", Principal{}, false},
		{"control", "Bearer k\x00", Principal{}, false},
		{"too long", "Bearer " + strings.Repeat("k", maxToken+1), Principal{}, false},
	}
	keys := testKeys(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, ok := keys.Authenticate(tt.header, time.Time{})
			if ok != tt.ok {
				t.Errorf("ok = %v, want %v", ok, tt.ok)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("principal (-want +got):\n%s", diff)
			}
		})
	}
}

func TestLongestToken(t *testing.T) {
	long := strings.Repeat("~", maxToken)
	keys, err := New([]Key{{TenantID: "t", ID: "k", SHA256: sum(long), Scopes: []string{ScopeRead}}})
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := keys.Authenticate("Bearer "+long, time.Time{}); !ok {
		t.Error("a key of the greatest length is refused")
	}
}

func TestExpires(t *testing.T) {
	end := time.Date(2027, 1, 31, 0, 0, 0, 0, time.UTC)
	keys, err := New([]Key{{TenantID: "t", ID: "k", SHA256: sum("k"), Scopes: []string{ScopeRead}, Expires: end}})
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		now  time.Time
		want bool
	}{
		"long before": {end.AddDate(-1, 0, 0), true},
		"just before": {end.Add(-1), true},
		"then":        {end, false},
		"after":       {end.AddDate(1, 0, 0), false},
		"elsewhere":   {end.In(time.FixedZone("", 3600)), false},
	} {
		who, ok := keys.Authenticate("Bearer k", tt.now)
		if ok != tt.want || !ok && who.TenantID != "" {
			t.Errorf("%s: accepted %t for tenant %q, want %t", name, ok, who.TenantID, tt.want)
		}
	}
}

func TestHas(t *testing.T) {
	p := Principal{Scopes: []string{ScopeRead}}
	if !p.Has(ScopeRead) || p.Has(ScopeCosts) || p.Has("") {
		t.Errorf("Has: read %v, costs %v, empty %v; want true, false, false", p.Has(ScopeRead), p.Has(ScopeCosts), p.Has(""))
	}
}

func TestNewRefuses(t *testing.T) {
	good := func(edit func(*Key)) Key {
		k := Key{TenantID: "acme", ID: "inbox", SHA256: sum(secret), Scopes: []string{ScopeRead}}
		edit(&k)
		return k
	}
	tests := []struct {
		name string
		keys []Key
		want string
	}{
		{"no tenant", []Key{good(func(k *Key) { k.TenantID = "" })}, "tenant and id"},
		{"no id", []Key{good(func(k *Key) { k.ID = "" })}, "tenant and id"},
		{"no digest", []Key{good(func(k *Key) { k.SHA256 = "" })}, "hex digits"},
		{"short digest", []Key{good(func(k *Key) { k.SHA256 = k.SHA256[:62] })}, "hex digits"},
		{"long digest", []Key{good(func(k *Key) { k.SHA256 += "00" })}, "hex digits"},
		{"upper case", []Key{good(func(k *Key) { k.SHA256 = strings.ToUpper(k.SHA256) })}, "hex digits"},
		{"not hex", []Key{good(func(k *Key) { k.SHA256 = strings.Repeat("g", 64) })}, "hex digits"},
		{"no scope", []Key{good(func(k *Key) { k.Scopes = nil })}, "no scope"},
		{"ops scope", []Key{good(func(k *Key) { k.Scopes = []string{ScopeRead, "ops:write"} })}, "ops scope"},
		{"empty workspace", []Key{good(func(k *Key) { k.Workspaces = []string{""} })}, "workspace"},
		{"bound, and erasing", []Key{good(func(k *Key) { k.Workspaces, k.Scopes = []string{"w1"}, []string{ScopeRead, ScopeErase} })}, "workspaces"},
		{"one key for two tenants", []Key{good(func(*Key) {}), good(func(k *Key) { k.TenantID = "globex" })}, "another like it"},
		{"one id twice", []Key{good(func(*Key) {}), good(func(k *Key) { k.SHA256 = sum("other") })}, "another like it"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := New(tt.keys)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("error %v, want one with %q", err, tt.want)
			}
			if d := tt.keys[0].SHA256; len(d) > 8 && strings.Contains(err.Error(), d[:8]) {
				t.Errorf("the error shows the digest: %v", err)
			}
		})
	}
}

func TestNewCopies(t *testing.T) {
	k := Key{TenantID: "t", ID: "k", SHA256: sum("k"), Scopes: []string{ScopeRead}, Workspaces: []string{"w1"}}
	keys, err := New([]Key{k})
	if err != nil {
		t.Fatal(err)
	}
	k.Scopes[0], k.Workspaces[0] = ScopeCosts, "w2"
	got, _ := keys.Authenticate("Bearer k", time.Time{})
	want := Principal{TenantID: "t", KeyID: "k", Scopes: []string{ScopeRead}, Workspaces: []string{"w1"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("principal follows the caller's slices (-want +got):\n%s", diff)
	}
}

func TestAuthenticateAllocates(t *testing.T) {
	keys := testKeys(t)
	if n := testing.AllocsPerRun(100, func() { keys.Authenticate("Bearer "+secret, time.Time{}) }); n != 0 {
		t.Errorf("%v allocations for a known key, want 0", n)
	}
}

func FuzzAuthenticate(f *testing.F) {
	for _, s := range []string{"", "Bearer", "Bearer k", "bearer  k", "Bearer k ", "Basic k", "Bearer " + secret, "Bearer \x00", "Bearer k,Bearer k"} {
		f.Add(s)
	}
	keys := testKeys(f)
	f.Fuzz(func(t *testing.T, header string) {
		got, ok := keys.Authenticate(header, time.Time{})
		want := len(header) > 7 && strings.EqualFold(header[:7], "Bearer ") && (header[7:] == "k" || header[7:] == secret)
		if ok != want {
			t.Errorf("Authenticate(%q) = %v, want %v", header, ok, want)
		}
		if !ok && got.TenantID != "" {
			t.Errorf("Authenticate(%q) refuses and names tenant %q", header, got.TenantID)
		}
	})
}

func BenchmarkAuthenticate(b *testing.B) {
	keys := testKeys(b)
	b.ReportAllocs()
	for b.Loop() {
		keys.Authenticate("Bearer "+secret, time.Time{})
	}
}
