package main

import (
	"testing"
	"time"
)

func TestBaseURL(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"plain", "http://host", "http://host"},
		{"slash", "http://host/", "http://host"},
		{"prefix", "https://host:8443/a/b/", "https://host:8443/a/b"},
		{"case", "HTTPS://Host.Example/Path", "https://host.example/Path"},
		{"own port of http", "http://host:80", "http://host"},
		{"own port of https", "https://host:443/a", "https://host/a"},
		{"port of the other", "http://host:443", "http://host:443"},
		{"no port after the colon", "http://host:", "http://host"},
		{"IPv6", "http://[::1]:80/", "http://[::1]"},
		{"coded character", "http://host/a%20b", "http://host/a%20b"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got string
			if err := baseURL(&got)(tt.in); err != nil || got != tt.want {
				t.Errorf("got %q, %v, want %q", got, err, tt.want)
			}
			again := got
			if err := baseURL(&again)(got); err != nil || again != got {
				t.Errorf("%q becomes %q, %v when read again", got, again, err)
			}
		})
	}
}

func TestRedisURL(t *testing.T) {
	for _, tt := range []struct{ name, in, masked string }{
		{"none", "", ""},
		{"one server", "redis://127.0.0.1:6379/0", "redis://127.0.0.1:6379/0"},
		{"password", "rediss://weft:T0KEN@host/2", "rediss://weft:REDACTED@host/2"},
		{"password alone", "redis://:T0KEN@host", "redis://:REDACTED@host"},
		{"password for a user", "redis://T0KEN@host", "redis://REDACTED:REDACTED@host"},
		{"socket", "unix://weft:T0KEN@/run/redis.sock?db=1", "unix://weft:REDACTED@/run/redis.sock?db=1"},
		{"sentinels", "redis+sentinel://:T0KEN@a:26379/0?master_name=m&addr=b:26379&username=u&password=T0KEN", "redis+sentinel://:REDACTED@a:26379/0?addr=b%3A26379&master_name=m&password=REDACTED&username=u"},
		{"cluster", "rediss+cluster://a:6379?addr=b:6379", "rediss+cluster://a:6379?addr=b%3A6379"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got string
			if err := redisURL(&got)(tt.in); err != nil || got != tt.in {
				t.Errorf("got %q, %v, want %q", got, err, tt.in)
			}
			if got := maskRedisURL(tt.in); got != tt.masked {
				t.Errorf("masked: got %q, want %q", got, tt.masked)
			}
		})
	}
}

func TestSize(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want byteSize
		text string
	}{
		{"1048576", 1 << 20, "1MiB"},
		{"1MiB", 1 << 20, "1MiB"},
		{"1024KiB", 1 << 20, "1MiB"},
		{"3GiB", 3 << 30, "3GiB"},
		{"1536MiB", 1536 << 20, "1536MiB"},
		{"2GB", 2e9, "1953125KiB"},
		{"64MB", 64e6, "62500KiB"},
		{"1048577", 1<<20 + 1, "1048577"},
		{"1024GiB", 1 << 40, "1024GiB"},
	} {
		t.Run(tt.in, func(t *testing.T) {
			var got byteSize
			if err := memory(&got)(tt.in); err != nil || got != tt.want || got.String() != tt.text {
				t.Errorf("got %d %q, %v, want %d %q", uint64(got), got, err, tt.want, tt.text)
			}
		})
	}
	for _, bad := range []string{"", "MiB", "-1MiB", "+2MiB", "1.5GiB", "32 MiB", "32mib", "0x200000", "18446744073709551616", "17179869185GiB", "1048575", "1025GiB"} {
		var got byteSize
		if err := memory(&got)(bad); err == nil || got != 0 {
			t.Errorf("%q is read as %s", bad, got)
		}
	}
}

func TestSameAddress(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want bool
	}{
		{"127.0.0.1:80", "127.0.0.1:80", true},
		{"127.0.0.1:80", "127.0.0.1:81", false},
		{"127.0.0.1:80", "127.0.0.2:80", false},
		{":80", "127.0.0.1:80", true},
		{"127.0.0.1:80", "0.0.0.0:80", true},
		{"[::]:80", "localhost:80", true},
		{"127.0.0.1:0", "127.0.0.1:0", false},
	} {
		if got := sameAddress(tt.a, tt.b); got != tt.want {
			t.Errorf("sameAddress(%s, %s) = %t, want %t", tt.a, tt.b, got, tt.want)
		}
	}
}

func TestBrief(t *testing.T) {
	for d, want := range map[time.Duration]string{
		time.Hour: "1h", 90 * time.Minute: "1h30m", time.Minute: "1m", 61 * time.Second: "1m1s",
		time.Hour + time.Second: "1h0m1s", 50 * time.Millisecond: "50ms", 10 * time.Second: "10s",
	} {
		if got := brief(d); got != want {
			t.Errorf("brief(%v) = %s, want %s", d, got, want)
		}
	}
}
