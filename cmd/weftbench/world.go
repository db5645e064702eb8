package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// gatewayKey is the API key of these gateways alone.
const gatewayKey = "weft_bench_key_0000000000000000"

// world starts processes, and ends them all.
type world struct {
	self, weft string // programs
	dir        string
	script     string // file of what wrk runs
	procs      int    // GOMAXPROCS of everything that is measured
	started    []*process
	number     int // of processes, for their names
}

func newWorld(ctx context.Context, weft string, procs int) (*world, error) {
	for _, program := range []string{"wrk", "redis-server"} {
		if _, err := exec.LookPath(program); err != nil {
			return nil, fmt.Errorf("%w; on Debian and Ubuntu: apt-get install wrk redis-server", err)
		}
	}
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("this program: %w", err)
	}
	dir, err := os.MkdirTemp("", "weftbench")
	if err != nil {
		return nil, fmt.Errorf("a place for files: %w", err)
	}
	w := &world{self: self, dir: dir, weft: weft, script: filepath.Join(dir, "load.lua"), procs: procs}
	if err := os.WriteFile(w.script, []byte(loadScript), 0o600); err != nil {
		w.close()
		return nil, fmt.Errorf("script: %w", err)
	}
	if weft == "" {
		w.weft = filepath.Join(dir, "weft")
		build := exec.CommandContext(ctx, "go", "build", "-o", w.weft, "github.com/weft-gateway/weft/cmd/weft") //nolint:gosec // ours
		build.Env = append(os.Environ(), "CGO_ENABLED=0")                                                       // as "make build" does
		out, err := build.CombinedOutput()
		if err != nil {
			w.close()
			return nil, fmt.Errorf("build: %w\n%s", err, out)
		}
	}
	return w, nil
}

// stop ends what was started and leaves the files.
func (w *world) stop() {
	for _, p := range w.started {
		p.close()
	}
	w.started = nil
}

func (w *world) close() {
	w.stop()
	_ = os.RemoveAll(w.dir)
}

func (w *world) launch(ctx context.Context, name, pattern, program string, args ...string) (*process, error) {
	w.number++
	env := []string{fmt.Sprintf("GOMAXPROCS=%d", w.procs)}
	p, err := launch(ctx, w.dir, fmt.Sprintf("%s-%d", name, w.number), pattern, env, program, args...)
	if err == nil {
		w.started = append(w.started, p)
	}
	return p, err
}

// own starts a command of this program.
func (w *world) own(ctx context.Context, args ...string) (*process, error) {
	return w.launch(ctx, args[0], servingLine, w.self, args...)
}

// sources starts a store and a CRM that take so long for an answer.
func (w *world) sources(ctx context.Context, store, crm time.Duration) (*process, error) {
	return w.own(ctx, "sources", "-store", store.String(), "-crm", crm.String())
}

// redis starts a Redis without a disk, which evicts what is too much, and
// returns its address.
func (w *world) redis(ctx context.Context) (*process, string, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, "", fmt.Errorf("a free port: %w", err)
	}
	address := l.Addr().String()
	_ = l.Close() // redis-server cannot be given a listener
	_, port, _ := net.SplitHostPort(address)
	p, err := w.launch(ctx, "redis", "Ready to accept connections", "redis-server", "--port", port, "--bind", "127.0.0.1",
		"--save", "", "--appendonly", "no", "--dir", w.dir, "--maxmemory", "256mb", "--maxmemory-policy", "allkeys-lru")
	return p, address, err
}

// gateway starts one in front of these sources; without a Redis where its
// address is "". extra is more of the configuration, at the top level.
func (w *world) gateway(ctx context.Context, sources *process, redis, extra string) (*process, error) {
	p, err := w.configured(ctx, configuration(sources.public, redis, extra))
	if err == nil {
		err = p.whole(ctx)
	}
	return p, err
}

// configured starts a gateway with this configuration.
func (w *world) configured(ctx context.Context, text string) (*process, error) {
	file := filepath.Join(w.dir, fmt.Sprintf("weft-%d.yaml", w.number))
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	return w.launch(ctx, "weft", servingLine, w.weft, "serve", "-config", file, "-listen", "127.0.0.1:0", "-ops-listen", "127.0.0.1:0")
}

func configuration(sources, redis, extra string) string {
	text := ""
	if redis != "" {
		// The load leaves Redis no processor at times. By its usual 50 ms it
		// would be taken for gone, and what is measured would be another path.
		text = fmt.Sprintf("redis: {url: \"redis://%s/0\"}\ndeadlines: {redis: 1s}\n", redis)
	}
	return text + extra + "tenants:\n" + tenant(benchTenant, gatewayKey, sources)
}

// tenant is an entry of a configuration.
func tenant(id, key, sources string) string {
	sum := sha256.Sum256([]byte(key))
	return fmt.Sprintf(`  - id: %s
    keys: [{id: bench, sha256: %s, scopes: [conversations:read]}]
    store: {kind: native, url: "%s/store", token: %[4]s-%[1]s, in_flight: 512}
    crm: {kind: rest, url: "%[3]s/crm", token: %[4]s-%[1]s, in_flight: 512}
`, id, hex.EncodeToString(sum[:]), sources, sourceToken)
}

// behindRedis is a gateway with a Redis, at the address that is returned, and
// sources that take so long.
func (w *world) behindRedis(ctx context.Context, store, crm time.Duration, extra string) (sources, gateway *process, address string, err error) {
	if _, address, err = w.redis(ctx); err != nil {
		return nil, nil, "", err
	}
	if sources, err = w.sources(ctx, store, crm); err != nil {
		return nil, nil, "", err
	}
	gateway, err = w.gateway(ctx, sources, address, extra)
	return sources, gateway, address, err
}
