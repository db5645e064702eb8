package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weft-gateway/weft/upstream/breaker"
	"github.com/weft-gateway/weft/upstream/sandbox"
)

// sim is an installation in virtual time: replicas of the gateway with all
// that is in them, one simulated Redis, and the sandbox behind connections in
// memory. Whatever is in it lives in one bubble.
type sim struct {
	t        *testing.T
	box      *sandbox.Sandbox
	sources  *sources
	net      *simNet
	redis    *simRedis
	replicas []*replica
	docs     []simDoc
	cfg      Config
	seed     atomic.Uint64 // of the next load
	made     atomic.Int64  // conversations that nobody had asked for
	ahead    time.Duration // of our clock, where another replica's may be
}

// simDoc is a conversation that can be asked for.
type simDoc struct{ tenant, id string }

// simOptions say what is in a sim.
type simOptions struct {
	replicas   int                                // 0: 1
	tenants    int                                // of the native store, beside Acme and Globex; 0: none
	docs       int                                // conversations of each tenant; 0: 12
	noRedis    bool                               // memory alone
	extra      string                             // more of the configuration file, at its top level
	source     string                             // more of each store and CRM, as ", in_flight: 8"
	content    map[string]string                  // what Redis holds at first
	before     func(*testing.T) map[string]string // makes the content in a bubble of its own; nil: nobody
	logs       slog.Handler
	nativeOnly bool // nothing of Acme's, whose store proves ownership by lists
}

// quick are times of the cache under which records become due within a test.
const quick = `cache: {contact: {fresh: 20s, stale: 168h}, account: {fresh: 20s, stale: 168h}, link: {fresh: 20s, stale: 168h}}`

// inSim runs a test in a bubble of its own.
func inSim(t *testing.T, o simOptions, test func(*sim)) {
	t.Helper()
	if o.before != nil {
		o.content = o.before(t)
	}
	synctest.Test(t, func(t *testing.T) { test(newSim(t, o)) })
}

func newSim(t *testing.T, o simOptions) *sim {
	t.Helper()
	t.Cleanup(func() { time.Sleep(2 * time.Second) }) // what ends by itself has ended
	s := &sim{t: t, net: newSimNet()}
	s.box = sandbox.New(sandbox.Config{Conversations: -1, MoreTenants: o.tenants})
	s.sources = newSources(s.box)
	for _, host := range []string{"crm", "native", "autocalls"} {
		s.net.serve(t, host, s.sources)
	}
	t.Cleanup(s.box.Close)
	if !o.noRedis {
		s.redis = newSimRedis(t)
		for key, value := range o.content {
			if err := s.redis.mini.Set(key, value); err != nil {
				t.Fatal(err)
			}
		}
	}
	s.fill(o)
	s.configure(o)
	for range max(o.replicas, 1) {
		s.add(o)
	}
	time.Sleep(3 * time.Second) // what runs behind has begun
	return s
}

// configure is how replicas are configured that are added from now on.
func (s *sim) configure(o simOptions) {
	s.t.Helper()
	var err error
	if s.cfg, err = parseConfig("sim", []byte(s.config(o)), noEnv); err != nil {
		s.t.Fatal(err)
	}
}

// fill puts marked conversations with a contact and an account each into the sandbox.
func (s *sim) fill(o simOptions) {
	n := o.docs
	if n == 0 {
		n = 12
	}
	for _, tenant := range s.box.Tenants() {
		if o.nativeOnly && tenant.Store != "native" {
			continue
		}
		for i := range n {
			s.docs = append(s.docs, simDoc{tenant.ID, s.addDoc(tenant, fmt.Sprintf("%s-%d", tenant.Name, i))})
		}
	}
}

// addDoc makes a conversation with all that belongs to it.
func (s *sim) addDoc(tenant sandbox.Tenant, name string) (id string) {
	s.t.Helper()
	id, contact, account := strings.ToLower(name), "con-"+name, "acc-"+name
	d := sandbox.Draft{ID: id, Variables: map[string]any{"mark": mark(tenant.ID, id)}, Messages: []string{mark(tenant.ID, id)}}
	fields := map[string]any{"lastName": mark(tenant.ID, contact), "accountId": account}
	if tenant.Store == "native" {
		d.ContactID, d.AccountID = contact, account
	} else {
		d.Type, d.ExternalIdentifier = "api", "ref-"+name
		fields["externalRef"] = d.ExternalIdentifier
	}
	_, err := s.box.AddConversation(tenant.ID, d)
	if err == nil {
		err = s.box.PutContact(tenant.ID, contact, fields)
	}
	if err == nil {
		err = s.box.PutAccount(tenant.ID, account, map[string]any{"name": mark(tenant.ID, account)})
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return id
}

// config is the configuration file of the replicas.
func (s *sim) config(o simOptions) string {
	var b strings.Builder
	b.WriteString("listen: 'LISTEN:80'\nops: {listen: 'OPS:80'}\n")
	if s.redis != nil {
		b.WriteString("redis: {url: 'redis://redis:6379/0'}\n")
	}
	b.WriteString(o.extra + "\ntenants:\n")
	for _, tenant := range s.box.Tenants() {
		sum := sha256.Sum256([]byte(tenant.ID))
		fmt.Fprintf(&b, "  - id: %s\n    keys: [{id: k, sha256: %s, scopes: [conversations:read, contacts:erase]}]\n", tenant.ID, hex.EncodeToString(sum[:]))
		fmt.Fprintf(&b, "    store: {kind: %s, url: 'http://%[1]s/%[1]s', token: %s%s}\n", tenant.Store, tenant.StoreToken, o.source)
		fmt.Fprintf(&b, "    crm: {kind: rest, url: 'http://crm/crm', token: %s%s}\n", tenant.CRMToken, o.source)
		if tenant.Store == "autocalls" {
			b.WriteString("    link: [external_identifier]\n")
		}
	}
	return b.String()
}

// replica is one gateway of a sim.
type replica struct {
	sim     *sim
	name    string
	sys     *system
	stop    func()
	crashed atomic.Bool
	panics  atomic.Bool // calls of the CRM for contacts
}

// add starts one more replica.
func (s *sim) add(o simOptions) *replica {
	s.t.Helper()
	r := &replica{sim: s, name: fmt.Sprintf("replica%d", len(s.replicas))}
	cfg := s.cfg
	cfg.Listen, cfg.Ops.Listen = r.name+":80", r.name+"-ops:80"
	out := outside{listen: s.net.listen, transport: s.net.transport(r)}
	if s.redis != nil {
		out.redis = s.redis.client(r)
	}
	log := slog.New(slog.DiscardHandler)
	if o.logs != nil {
		log = slog.New(o.logs)
	}
	var err error
	if r.sys, err = buildIn(out, cfg, log); err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done, up := make(chan error, 1), make(chan struct{})
	go func() { done <- r.sys.serve(ctx, func(string, string) { close(up) }) }()
	r.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			s.t.Error(err)
		}
		r.sys.close()
	})
	s.t.Cleanup(r.stop)
	<-up
	s.replicas = append(s.replicas, r)
	return r
}

// crash cuts a replica off from everything, as if it were killed.
func (r *replica) crash() {
	r.crashed.Store(true)
	mine := func(of *replica) bool { return of == r }
	for _, host := range []string{"crm", "native", "autocalls"} {
		r.sim.net.cut(host, mine)
	}
	r.sim.redis.cut(func(c *redisConn) bool { return c.from == r })
}

// ask has the replica answer a request. To a caller who hung up it says nothing.
func (r *replica) ask(ctx context.Context, tenant, path string) (answer *httptest.ResponseRecorder) {
	req := httptest.NewRequestWithContext(ctx, http.MethodGet, path, nil)
	req.Header.Set("Authorization", "Bearer "+tenant)
	answer = httptest.NewRecorder()
	defer func() {
		if p := recover(); p != nil && (p != http.ErrAbortHandler || ctx.Err() == nil) { //nolint:errorlint // as net/http compares it
			panic(p)
		}
	}()
	r.sys.public.Handler.ServeHTTP(answer, req)
	return answer
}

// transitions are those of a replica's breakers whose names have the prefix.
func (r *replica) transitions(prefix string) (list []breaker.Transition) {
	for _, t := range r.sys.breakers.Transitions() {
		if strings.HasPrefix(t.Breaker, prefix) {
			list = append(list, t)
		}
	}
	return list
}

// state is that of one breaker of a replica.
func (r *replica) state(name string) breaker.State {
	for _, b := range r.sys.breakers.Snapshots() {
		if b.Name == name {
			return b.State
		}
	}
	r.sim.t.Fatalf("no breaker %s", name)
	return ""
}

// dial turns a dial of a service of the sandbox.
func (s *sim) dial(svc *sandbox.Service, op string, d sandbox.Dial) {
	s.t.Helper()
	if err := svc.Set(op, d); err != nil {
		s.t.Fatal(err)
	}
}

// warm has each replica answer for each conversation once.
func (s *sim) warm() {
	s.t.Helper()
	for _, r := range s.replicas {
		for _, d := range s.docs {
			if a := r.ask(s.t.Context(), d.tenant, "/api/conversations/"+d.id); a.Code != http.StatusOK {
				s.t.Fatalf("while it is healthy: %d %s", a.Code, a.Body)
			}
		}
	}
	time.Sleep(3 * time.Second) // what was written is in Redis, and conversations are due
	s.sources.reset()
}
