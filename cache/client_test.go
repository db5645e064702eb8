package cache

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"
)

func TestRedisClientKinds(t *testing.T) {
	tests := []struct {
		address string
		want    string
		tls     bool
	}{
		{"redis://127.0.0.1:1/0", "single", false},
		{"rediss://127.0.0.1:1/3", "single", true},
		{"unix:///tmp/weft.sock?db=1", "single", false},
		{"redis+sentinel://127.0.0.1:1/0?master_name=m&addr=127.0.0.1:2", "single", false},
		{"rediss+sentinel://127.0.0.1:1?master_name=m", "single", true},
		{"redis+cluster://127.0.0.1:1?addr=127.0.0.1:2", "cluster", false},
		{"rediss+cluster://127.0.0.1:1", "cluster", true},
	}
	for _, tt := range tests {
		client, err := RedisClient(tt.address+addTo(tt.address, "min_idle_conns=0"), 0)
		if err != nil {
			t.Errorf("%s: %v", tt.address, err)
			continue
		}
		switch c := client.(type) {
		case *redis.Client:
			checkClient(t, tt.address, tt.want, "single", tt.tls, c.Options().TLSConfig != nil)
			checkBounds(t, tt.address, bounds{c.Options().DialTimeout, c.Options().ReadTimeout, c.Options().WriteTimeout,
				c.Options().PoolTimeout, c.Options().DialerRetries, c.Options().MaxRetries, c.Options().ContextTimeoutEnabled})
		case *redis.ClusterClient:
			checkClient(t, tt.address, tt.want, "cluster", tt.tls, c.Options().TLSConfig != nil)
			checkBounds(t, tt.address, bounds{c.Options().DialTimeout, c.Options().ReadTimeout, c.Options().WriteTimeout,
				c.Options().PoolTimeout, c.Options().DialerRetries, -1, c.Options().ContextTimeoutEnabled})
		default:
			t.Errorf("%s: a %T", tt.address, client)
		}
		client.Close()
	}
}

func addTo(address, param string) string {
	if strings.Contains(address, "?") {
		return "&" + param
	}
	return "?" + param
}

func checkClient(t *testing.T, address, want, got string, wantTLS, gotTLS bool) {
	t.Helper()
	if want != got || wantTLS != gotTLS {
		t.Errorf("%s: %s client, TLS %v; want %s, %v", address, got, gotTLS, want, wantTLS)
	}
}

// bounds are the settings that keep a broken Redis cheap.
type bounds struct {
	Dial, Read, Write, Pool time.Duration
	Dials, Retries          int
	ContextCounts           bool
}

func checkBounds(t *testing.T, address string, got bounds) {
	t.Helper()
	const d = 50 * time.Millisecond
	got.Retries = min(got.Retries, 0) // the client shows -1 as 0
	want := bounds{100 * time.Millisecond, d, d, d / 2, 1, got.Retries, true}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", address, diff)
	}
}

func TestRedisClientTakesParameters(t *testing.T) {
	client, err := RedisClient("redis://user:pw@h:1/2?pool_size=7&min_idle_conns=0", 20*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	o := client.(*redis.Client).Options()
	got := []any{o.Addr, o.Username, o.Password, o.DB, o.PoolSize, o.ReadTimeout, o.MaxRetries}
	want := []any{"h:1", "user", "pw", 2, 7, 20 * time.Millisecond, 0}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("options (-want +got):\n%s", diff)
	}
}

func TestRedisClientErrorsKeepThePassword(t *testing.T) {
	tests := []struct{ name, address string }{
		{"empty", ""},
		{"other scheme", "http://:s3cret@h:1"},
		{"other mode", "redis+ring://:s3cret@h:1"},
		{"bad port", "redis://:s3cret@h:port"},
		{"bad escape", "redis://:s3cret%zz@h:1"},
		{"bad database", "redis://:s3cret@h:1/s3cret"},
		{"unknown parameter", "redis://:s3cret@h:1?pasword=s3cret"},
		{"sentinel without a master", "redis+sentinel://:s3cret@h:1"},
		{"cluster with a bad node", "redis+cluster://:s3cret@h:1?addr=s3cret"},
	}
	for _, tt := range tests {
		_, err := RedisClient(tt.address, 0)
		if err == nil {
			t.Errorf("%s: no error", tt.name)
		} else if strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: the error shows the password: %v", tt.name, err)
		}
	}
}
