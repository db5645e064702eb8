package cache

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// RedisClient returns a client for [Config].Redis, with settings under which a
// Redis that is dead, frozen or unreachable costs no more than the deadline of
// a read (0: 50 ms). It does not connect. The forms of the address:
//
//	redis://user:password@host:6379/0              one server; rediss:// with TLS
//	unix://user:password@/path/redis.sock?db=0     the same, over a socket
//	redis+sentinel://host:26379/0?master_name=m    sentinels, more as &addr=host:port;
//	                                               user and password are the sentinels', those
//	                                               of Redis are &username= and &password=
//	redis+cluster://user:password@host:6379        a cluster, more nodes as &addr=host:port
//
// Sentinel and cluster have a rediss+ form too. Other parameters are those of
// go-redis, such as pool_size. An error does not repeat the address, which may
// hold a password.
func RedisClient(address string, deadline time.Duration) (redis.UniversalClient, error) {
	if deadline == 0 {
		deadline = defaultRedisDeadline
	}
	u, err := url.Parse(address)
	if err != nil || deadline < 0 {
		return nil, errRedisAddress
	}
	scheme, mode, _ := strings.Cut(u.Scheme, "+")
	u.Scheme = scheme
	switch mode {
	case "":
		return singleClient(tune(u, deadline))
	case "sentinel":
		return sentinelClient(tune(u, deadline))
	case "cluster":
		return clusterClient(tune(u, deadline))
	}
	return nil, errRedisAddress
}

var errRedisAddress = errors.New("cache: not an address of Redis, of its sentinels or of a cluster, or with an unknown parameter")

// LogRedis makes go-redis, which writes to the standard error by itself, write
// to log at the level of debugging: what matters of it shows in the breakers.
// It concerns the whole process, and is to be called before the first client
// is made.
func LogRedis(log *slog.Logger) { redis.SetLogger(redisLog{log}) }

type redisLog struct{ log *slog.Logger }

// Printf implements the interface that go-redis wants.
func (l redisLog) Printf(ctx context.Context, format string, args ...any) {
	if l.log.Enabled(ctx, slog.LevelDebug) {
		l.log.DebugContext(ctx, "go-redis", slog.String("message", fmt.Sprintf(format, args...)))
	}
}

// tune fills in what the address leaves open.
func tune(u *url.URL, deadline time.Duration) string {
	q := u.Query()
	for name, value := range map[string]string{
		"client_name":              "weft",
		"max_retries":              "-1",
		"dial_timeout":             "100ms",
		"read_timeout":             deadline.String(),
		"write_timeout":            deadline.String(),
		"pool_timeout":             (deadline / 2).String(), // below the deadline, so that a busy pool is told from a slow Redis
		"pool_size":                "50",
		"min_idle_conns":           "8",
		"max_active_conns":         "100",
		"conn_max_idle_time":       "5m",
		"conn_max_lifetime":        "30m",
		"conn_max_lifetime_jitter": "5m",
		"pipeline_pool_size":       "-1", // one pool, kept warm: nearly every call is a pipeline
	} {
		if !q.Has(name) {
			q.Set(name, value)
		}
	}
	u.RawQuery = q.Encode()
	return u.String()
}

// The settings below are not to be had by the address. The context's deadline
// has to count in any case: without it a frozen Redis is waited for however
// short the deadline.

func singleClient(address string) (redis.UniversalClient, error) {
	o, err := redis.ParseURL(address)
	if err != nil {
		return nil, errRedisAddress
	}
	o.DialerRetries = 1
	o.ContextTimeoutEnabled = true
	o.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	return redis.NewClient(o), nil
}

func sentinelClient(address string) (redis.UniversalClient, error) {
	o, err := redis.ParseFailoverURL(address)
	if err != nil {
		return nil, errRedisAddress
	}
	if o.MasterName == "" {
		return nil, errors.New("cache: an address of sentinels needs master_name")
	}
	o.DialerRetries = 1
	o.ContextTimeoutEnabled = true
	return redis.NewFailoverClient(o), nil
}

func clusterClient(address string) (redis.UniversalClient, error) {
	o, err := redis.ParseClusterURL(address)
	if err != nil {
		return nil, errRedisAddress
	}
	o.DialerRetries = 1
	o.ContextTimeoutEnabled = true
	o.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	return redis.NewClusterClient(o), nil
}
