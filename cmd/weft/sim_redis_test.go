package main

import (
	"context"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/alicebob/miniredis/v2/server"
	"github.com/redis/go-redis/v9"

	"github.com/weft-gateway/weft/cache"
)

// simRedis is a simulated Redis on the bubble's clock, and what is wrong with
// the way to it.
type simRedis struct {
	mini *miniredis.Miniredis

	mu       sync.Mutex
	down     bool           // connections are refused
	thaw     chan struct{}  // closed when it is no longer frozen; nil: it is not
	slow     time.Duration  // before each answer
	deaf     bool           // what subscribers would hear is lost
	refusal  string         // the answer to every write; "": they are done
	commands map[string]int // by name, in capitals
	dials    int
	conns    map[*redisConn]bool
}

func newSimRedis(t *testing.T) *simRedis {
	t.Helper()
	r := &simRedis{mini: miniredis.NewMiniRedis(), commands: map[string]int{}, conns: map[*redisConn]bool{}}
	conn, err := r.mini.Dial() // starts it
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	r.mini.Server().SetPreHook(r.before)
	t.Cleanup(r.mini.Close)
	ctx, stop := context.WithCancel(context.Background())
	t.Cleanup(stop)
	go r.age(ctx)
	return r
}

// age lets keys expire. The simulated Redis can do so by itself, and looks at
// all keys for each command then.
func (r *simRedis) age(ctx context.Context) {
	const step = 250 * time.Millisecond
	tick := time.NewTicker(step)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			r.mini.FastForward(step)
		case <-ctx.Done():
			return
		}
	}
}

// before counts a command, and refuses it if it is a write and that is the fault.
func (r *simRedis) before(peer *server.Peer, name string, _ ...string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.commands[name]++
	if r.refusal == "" || r.mini.IsReadOnlyCommand(name) || !strings.Contains(writes, " "+name+" ") {
		return false
	}
	peer.WriteError(r.refusal)
	return true
}

const writes = " SET SETEX PSETEX DEL UNLINK EXPIRE PEXPIRE SADD HSET ZADD EVAL EVALSHA INCR GETSET LPUSH RPUSH XADD ZREMRANGEBYSCORE "

// sent counts the commands so far that match one of the names; all without.
func (r *simRedis) sent(names ...string) (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for name, count := range r.commands {
		for _, want := range names {
			if name == want {
				n += count
			}
		}
		if len(names) == 0 {
			n += count
		}
	}
	return n
}

func (r *simRedis) dialled() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.dials
}

// set changes what is wrong.
func (r *simRedis) set(change func(*simRedis)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(r)
}

// kill ends the process: what it held is gone.
func (r *simRedis) kill() {
	r.set(func(r *simRedis) { r.down = true })
	r.cut(func(*redisConn) bool { return true })
	r.mini.FlushAll()
}

func (r *simRedis) revive() { r.set(func(r *simRedis) { r.down = false }) }

func (r *simRedis) freeze() { r.set(func(r *simRedis) { r.thaw = make(chan struct{}) }) }

func (r *simRedis) unfreeze() { r.set(func(r *simRedis) { close(r.thaw); r.thaw = nil }) }

// cut closes the connections that match.
func (r *simRedis) cut(which func(*redisConn) bool) {
	r.mu.Lock()
	var gone []*redisConn
	for c := range r.conns {
		if which(c) {
			gone = append(gone, c)
		}
	}
	r.mu.Unlock()
	for _, c := range gone {
		c.Close()
	}
}

// forget lets nothing through any more on the connections there are, as when
// something on the way has lost them.
func (r *simRedis) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for c := range r.conns {
		c.lost.Store(true)
	}
}

func (r *simRedis) dial(from *replica) (net.Conn, error) {
	r.mu.Lock()
	r.dials++
	down := r.down
	r.mu.Unlock()
	if down || from.crashed.Load() {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	}
	conn, err := r.mini.Dial()
	if err != nil {
		return nil, err
	}
	c := newRedisConn(conn, r, from)
	r.mu.Lock()
	r.conns[c] = true
	r.mu.Unlock()
	return c, nil
}

// client is the gateway's own client, but for how it connects.
func (r *simRedis) client(from *replica) func(string, time.Duration) (redis.UniversalClient, error) {
	return func(address string, deadline time.Duration) (redis.UniversalClient, error) {
		made, err := cache.RedisClient(address+"?min_idle_conns=0", deadline)
		if err != nil {
			return nil, err
		}
		o := made.(*redis.Client).Options()
		o.MaxRetries = -1 // none: that is 0 in what was made, and 3 in what is to be made
		if err := made.Close(); err != nil {
			return nil, err
		}
		o.Dialer = func(context.Context, string, string) (net.Conn, error) { return r.dial(from) }
		return redis.NewClient(o), nil
	}
}
