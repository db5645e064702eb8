package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/weft-gateway/weft/upstream/sandbox"
)

// setup says what a scenario needs. The zero value is one gateway on a Redis,
// with nothing between it and its sources.
type setup struct {
	replicas int      // gateways; 0: one
	config   string   // more of the configuration file, at its top level
	tenant   string   // more lines of each tenant, with four spaces before each
	source   string   // more of each store, as ", in_flight: 16"
	env      []string // added to the gateways' environment
	proxied  []string // what is behind toxiproxy: "redis", "crm", "store"
	relayed  []string // what is behind a relay: "redis", "crm"
	files    int      // the gateways' limit of open files; 0: the system's
	race     bool     // the gateway is built with the race detector
	records  int      // conversations generated for each tenant; 0: 60
	jwt      bool     // tokens are accepted beside keys
	crmHost  string   // where the gateways look for the CRM; "": where it is
}

// world is the processes of one scenario.
type world struct {
	setup
	dir     string
	weft    string // the program
	boxURL  string
	redis   *redisServer
	proxies map[string]*proxy
	relays  map[string]*relay
	box     *process // the sandbox
	issued  *issuer  // nil: there is none

	mu       sync.Mutex
	replicas []*replica // guarded by mu
	ended    []*process // gateways whose place another took; guarded by mu

	watching sync.WaitGroup
	unwatch  context.CancelFunc
}

// newWorld starts everything. What was started is closed when it fails.
func newWorld(ctx context.Context, s setup, weft string) (*world, error) {
	dir, err := os.MkdirTemp("", "weftchaos")
	if err != nil {
		return nil, fmt.Errorf("world: %w", err)
	}
	w := &world{setup: s, dir: dir, weft: weft, proxies: map[string]*proxy{}, relays: map[string]*relay{}}
	if err := w.startServices(ctx); err != nil {
		w.close()
		return nil, err
	}
	for range max(1, s.replicas) {
		if _, err := w.addReplica(ctx); err != nil {
			w.close()
			return nil, err
		}
	}
	ctx, w.unwatch = context.WithCancel(ctx)
	w.watching.Go(func() { w.watch(ctx) })
	return w, nil
}

func (w *world) startServices(ctx context.Context) error {
	records := w.records
	if records == 0 {
		records = 60
	}
	var groups []string
	var err error
	w.box, groups, err = launch(ctx, "sandbox", `sandbox on (http://\S+)\n`, nil, w.weft,
		"sandbox", "-listen", "127.0.0.1:0", "-conversations", fmt.Sprint(records), "-log-level", "error")
	if err != nil {
		return err
	}
	w.boxURL = groups[1]
	if w.redis, err = startRedis(ctx, w.dir); err != nil {
		return err
	}
	if w.jwt {
		if w.issued, err = newIssuer(ctx); err != nil {
			return err
		}
	}
	for _, name := range w.proxied {
		if w.proxies[name], err = newProxy(w.behind(name)); err != nil {
			return err
		}
	}
	for _, name := range w.relayed {
		if w.relays[name], err = newRelay(ctx, w.behind(name), 1); err != nil {
			return err
		}
	}
	return nil
}

// behind is the address of a service itself.
func (w *world) behind(name string) string {
	if strings.HasPrefix(name, "redis") {
		return w.redis.address
	}
	return strings.TrimPrefix(w.boxURL, "http://")
}

// tenants are those of the sandbox; the sandbox's process has the same.
func tenants() []sandbox.Tenant {
	return sandbox.New(sandbox.Config{Conversations: -1}).Tenants()
}

// addReplica starts one more gateway.
func (w *world) addReplica(ctx context.Context) (*replica, error) {
	w.mu.Lock()
	number := len(w.replicas)
	w.mu.Unlock()
	r, err := w.startReplica(ctx, number)
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.replicas = append(w.replicas, r)
	return r, nil
}

// restart starts a gateway anew in the place of one that has ended.
func (w *world) restart(ctx context.Context, number int) error {
	r, err := w.startReplica(ctx, number)
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended = append(w.ended, w.replicas[number].process)
	w.replicas = slices.Clone(w.replicas) // others are going through it
	w.replicas[number] = r
	return nil
}

// live lists the gateways, those that have ended included.
func (w *world) live() []*replica {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.replicas
}

func (w *world) replica(number int) *replica { return w.live()[number] }

// watch asks each gateway over and over whether to send requests there, as a
// load balancer does.
func (w *world) watch(ctx context.Context) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1}, Timeout: 2 * time.Second}
	defer client.CloseIdleConnections()
	for {
		var asked sync.WaitGroup
		for _, r := range w.live() {
			asked.Go(func() { r.ready.Store(r.isReady(ctx, client)) })
		}
		asked.Wait()
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// processes are all that were started, those that have ended included.
func (w *world) processes() []*process {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := slices.Clone(w.ended)
	for _, r := range w.replicas {
		all = append(all, r.process)
	}
	if w.box != nil {
		all = append(all, w.box)
	}
	if w.redis != nil && w.redis.process != nil {
		all = append(all, w.redis.process)
	}
	return all
}

// close ends everything.
func (w *world) close() {
	if w.unwatch != nil {
		w.unwatch()
	}
	w.watching.Wait()
	for _, p := range w.processes() {
		p.close()
	}
	if w.redis != nil {
		w.redis.close()
	}
	for _, p := range w.proxies {
		if p != nil {
			p.cut()
		}
	}
	for _, r := range w.relays {
		if r != nil {
			r.close()
		}
	}
	if w.issued != nil {
		w.issued.close()
	}
	_ = os.RemoveAll(w.dir)
}
