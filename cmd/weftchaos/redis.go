package main

import (
	"context"
	"fmt"
	"net"
	"strconv"

	"github.com/redis/go-redis/v9"
)

// redisServer is a real Redis on a port of its own, without a disk.
type redisServer struct {
	*process
	address string
	dir     string
	admin   *redis.Client
}

// freeAddress is one that nobody listens on, for programs that cannot choose
// for themselves.
func freeAddress(ctx context.Context) (string, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("a free port: %w", err)
	}
	defer l.Close()
	return l.Addr().String(), nil
}

func startRedis(ctx context.Context, dir string) (*redisServer, error) {
	address, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	r := &redisServer{address: address, dir: dir}
	return r, r.start(ctx)
}

// start starts it, for the first time or again, empty.
func (r *redisServer) start(ctx context.Context) error {
	_, port, err := net.SplitHostPort(r.address)
	if err != nil {
		return fmt.Errorf("redis: %w", err)
	}
	r.process, _, err = launch(ctx, "redis-server", "Ready to accept connections", nil, "redis-server",
		"--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", r.dir)
	if err != nil {
		return err
	}
	if r.admin == nil {
		r.admin = redis.NewClient(&redis.Options{Addr: r.address, PoolSize: 2, ClientName: "chaos"})
	}
	return nil
}

// do sends a command, whose answer does not matter.
func (r *redisServer) do(ctx context.Context, command ...any) error {
	if err := r.admin.Do(ctx, command...).Err(); err != nil {
		return fmt.Errorf("redis %v: %w", command, err)
	}
	return nil
}

// each calls f with every key that holds a plain value, and the value.
func (r *redisServer) each(ctx context.Context, f func(key, value string) error) error {
	keys := r.admin.Scan(ctx, 0, "*", 1000).Iterator()
	for keys.Next(ctx) {
		value, err := r.admin.Get(ctx, keys.Val()).Result()
		if err != nil {
			continue // a set, or gone
		}
		if err := f(keys.Val(), value); err != nil {
			return err
		}
	}
	if err := keys.Err(); err != nil {
		return fmt.Errorf("redis: scan: %w", err)
	}
	return nil
}

// figure reads a number of INFO, such as evicted_keys of its section stats.
func (r *redisServer) figure(ctx context.Context, section, name string) (float64, error) {
	info, err := r.admin.InfoMap(ctx, section).Result()
	if err != nil {
		return 0, fmt.Errorf("redis: info: %w", err)
	}
	for _, values := range info {
		if text, ok := values[name]; ok {
			return strconv.ParseFloat(text, 64)
		}
	}
	return 0, fmt.Errorf("redis: info: no %s in %s", name, section)
}

func (r *redisServer) close() {
	if r.admin != nil {
		_ = r.admin.Close()
	}
	if r.process != nil {
		r.process.close()
	}
}
