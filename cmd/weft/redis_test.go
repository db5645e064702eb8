package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/weft-gateway/weft/upstream/sandbox"
)

// redisServer is a real Redis, empty, on a port of its own.
type redisServer struct {
	url   string
	admin *redis.Client
	proc  *os.Process
}

func startRedis(t *testing.T) *redisServer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	cmd := exec.Command("redis-server", "--port", strconv.Itoa(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", t.TempDir())
	if err := cmd.Start(); err != nil {
		t.Fatalf("these tests need redis-server: %v", err)
	}
	r := &redisServer{url: fmt.Sprintf("redis://127.0.0.1:%d/0", port), proc: cmd.Process}
	r.admin = redis.NewClient(&redis.Options{Addr: fmt.Sprintf("127.0.0.1:%d", port)})
	t.Cleanup(func() {
		r.admin.Close()
		_ = r.proc.Signal(syscall.SIGCONT)
		_ = r.proc.Kill()
		_ = cmd.Wait()
	})
	eventually(t, "redis-server to answer", func() bool { return r.admin.Ping(t.Context()).Err() == nil })
	return r
}

// scrape reads the ops listener's metrics, as of now: what is asked for in a way
// that nobody else asks is not shared.
func (in *installation) scrape(t *testing.T) string {
	t.Helper()
	resp, err := http.Get(in.ops + "/metrics?at=" + strconv.FormatInt(time.Now().UnixNano(), 10))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// metric reads one sample.
func (in *installation) metric(t *testing.T, sample string) float64 {
	t.Helper()
	line := regexp.MustCompile("(?m)^" + regexp.QuoteMeta(sample) + ` (\S+)$`)
	m := line.FindStringSubmatch(in.scrape(t))
	if m == nil {
		t.Fatalf("no sample %s", sample)
	}
	v, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

const (
	readsSent = `weft_cache_redis_operations_total{operation="read"}`
	bypassed  = `weft_cache_redis_operations_total{operation="bypassed"}`
)

// Two replicas share what one of them fetched.
func TestRedisIsShared(t *testing.T) {
	r := startRedis(t)
	first := install(t, options{redis: r.url})
	first.document(t, keyGlobex, sandbox.ExampleNative)
	eventually(t, "the records in Redis", func() bool {
		n, err := r.admin.DBSize(t.Context()).Result()
		return err == nil && n >= 6
	})
	second := install(t, options{redis: r.url})
	d, _ := second.document(t, keyGlobex, sandbox.ExampleNative)
	if e := d.Enrichment; e.Contact.State != "cached" || e.Account.State != "cached" || second.box.CRM().Calls("") != 0 {
		t.Errorf("contact %s, account %s, %d calls of the CRM", e.Contact.State, e.Account.State, second.box.CRM().Calls(""))
	}
}

// Whatever becomes of Redis, no caller notices but in time: three calls fail,
// then none is made until it answers again.
func TestRedisFaults(t *testing.T) {
	tests := []struct {
		name string
		harm func(*testing.T, *redisServer)
		mend func(*testing.T, *redisServer) // nil: it does not come back
		open bool                           // the breaker of reads opens
	}{
		{"killed", func(t *testing.T, r *redisServer) { _ = r.proc.Kill(); _, _ = r.proc.Wait() }, nil, true},
		{
			"frozen", func(t *testing.T, r *redisServer) { _ = r.proc.Signal(syscall.SIGSTOP) },
			func(t *testing.T, r *redisServer) { _ = r.proc.Signal(syscall.SIGCONT) }, true,
		},
		{"flushed", func(t *testing.T, r *redisServer) { r.admin.FlushAll(t.Context()) }, func(*testing.T, *redisServer) {}, false},
		{
			"full", func(t *testing.T, r *redisServer) { r.admin.ConfigSet(t.Context(), "maxmemory", "1") },
			func(t *testing.T, r *redisServer) { r.admin.ConfigSet(t.Context(), "maxmemory", "0") }, false,
		},
		{
			"password changed", func(t *testing.T, r *redisServer) {
				r.admin.ConfigSet(t.Context(), "requirepass", "other")
				r.admin.Do(t.Context(), "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
			}, nil, true,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := startRedis(t)
			in := install(t, options{redis: r.url})
			ids := in.box.ConversationIDs(sandbox.Globex)
			in.document(t, keyGlobex, ids[0])
			tt.harm(t, r)
			before := in.metric(t, readsSent)
			for _, id := range ids[1:30] {
				if d, _ := in.document(t, keyGlobex, id); !d.Enrichment.Complete {
					t.Errorf("%s: %+v", id, d.Enrichment)
				}
			}
			sent := in.metric(t, readsSent) - before
			if got := in.breakers(t)["redis"] != "closed"; got != tt.open {
				t.Errorf("breaker of reads not closed: %v, want %v", got, tt.open)
			}
			if tt.open && (sent > 8 || in.metric(t, bypassed) == 0) { // 3 in a row; some more were under way by then
				t.Errorf("%v reads were sent to a Redis that does not answer, %v bypassed it", sent, in.metric(t, bypassed))
			}
			if tt.mend == nil {
				return
			}
			tt.mend(t, r)
			eventually(t, "Redis in use again", func() bool {
				in.document(t, keyGlobex, sandbox.ExampleNative)
				b := in.breakers(t)
				return b["redis"] == "closed"
			})
		})
	}
}
