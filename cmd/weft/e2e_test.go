package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"

	"github.com/weft-gateway/weft/upstream/sandbox"
)

// running is a command under test.
type running struct {
	out  *bufio.Reader // its standard output
	stop func() error  // asks it to end, and waits
}

// start runs a command of the program until the test ends.
func start(t testing.TB, args ...string) *running {
	t.Helper()
	return startWith(t, nil, args...)
}

// startWith is start with environment variables.
func startWith(t testing.TB, env map[string]string, args ...string) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r, w := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := run(ctx, args, func(name string) string { return env[name] }, w)
		w.CloseWithError(fmt.Errorf("the command ended: %w", firstError(err, io.EOF)))
		done <- err
	}()
	var err error
	stopped := false
	stop := func() error {
		if !stopped {
			stopped = true
			cancel()
			go io.Copy(io.Discard, r) //nolint:errcheck // whatever it still has to say
			err = <-done
		}
		return err
	}
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Errorf("weft %s: %v", args[0], err)
		}
	})
	return &running{out: bufio.NewReader(r), stop: stop}
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// await reads the output up to the line that matches, and returns the groups.
func (r *running) await(t testing.TB, pattern string) []string {
	t.Helper()
	re := regexp.MustCompile(pattern)
	for {
		line, err := r.out.ReadString('\n')
		if m := re.FindStringSubmatch(line); m != nil {
			return m
		}
		if err != nil {
			t.Fatalf("no line like %q: %v", pattern, err)
		}
	}
}

// installation is a gateway in front of a sandbox, as `weft serve` runs it.
type installation struct {
	*running
	box         *sandbox.Sandbox
	boxURL      string
	public, ops string
	contract    routers.Router
}

// options change an installation; the zero value is: no Redis, defaults.
type options struct {
	redis  string // URL
	extra  string // more of the configuration file, at its top level
	crm    string // URL of the CRM; "": the sandbox's
	hide   string // "hide: [...]" of the first tenant, or another line of it
	keys   string // more keys of the first tenant, each a line of six spaces and more
	box    sandbox.Config
	before func(*sandbox.Sandbox) // called before the gateway starts, and with it the backfill

	between func(http.Handler) http.Handler // what stands between the gateway and the sandbox; nil: nothing
	env     map[string]string               // variables of the gateway
	log     io.Writer                       // takes the log, of all levels; nil: errors go to standard error
}

const (
	keyAcme   = "weft_test_key_of_acme"
	keyCosts  = "weft_test_key_of_acme_with_costs"
	keyGlobex = "weft_test_key_of_globex"
)

func install(t testing.TB, o options) *installation {
	t.Helper()
	box := sandbox.New(o.box)
	if o.before != nil {
		o.before(box)
	}
	handler := box.Handler()
	if o.between != nil {
		handler = o.between(handler)
	}
	srv := httptest.NewServer(handler)
	t.Cleanup(func() { box.Close(); srv.CloseClientConnections(); srv.Close() })
	file := filepath.Join(t.TempDir(), "weft.yaml")
	if err := os.WriteFile(file, []byte(configFor(box, srv.URL, o)), 0o600); err != nil {
		t.Fatal(err)
	}
	var r *running
	var public, ops string
	if o.log != nil {
		r, public, ops = startLogged(t, file, o.env, o.log)
	} else {
		r = startWith(t, o.env, "serve", "-config", file, "-listen", "127.0.0.1:0", "-ops-listen", "127.0.0.1:0", "-log-level", "error")
		m := r.await(t, `serving on (http://\S+), ops on (http://\S+)`)
		public, ops = m[1], m[2]
	}
	return &installation{running: r, box: box, boxURL: srv.URL, public: public, ops: ops, contract: contractOf(t)}
}

// contractOf reads the contract that answers are held to.
func contractOf(t testing.TB) routers.Router {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromFile("../../openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	doc.Servers = nil
	contract, err := gorillamux.NewRouter(doc)
	if err != nil {
		t.Fatal(err)
	}
	return contract
}

func configFor(box *sandbox.Sandbox, url string, o options) string {
	var b strings.Builder
	if !strings.Contains(o.extra, "drain:") { // nobody has to notice that a test is over
		b.WriteString("drain: {delay: 0s}\n")
	}
	fmt.Fprintf(&b, "redis: {url: %q}\n%s\ntenants:\n", o.redis, o.extra)
	hash := func(key string) string { sum := sha256.Sum256([]byte(key)); return hex.EncodeToString(sum[:]) }
	for _, tenant := range box.Tenants() {
		fmt.Fprintf(&b, "  - id: %s\n    name: %s\n    keys:\n", tenant.ID, tenant.Name)
		if tenant.ID == sandbox.Acme {
			fmt.Fprintf(&b, "      - {id: inbox, sha256: %s, scopes: [conversations:read]}\n", hash(keyAcme))
			fmt.Fprintf(&b, "      - {id: billing, sha256: %s, scopes: [conversations:read, costs:read]}\n", hash(keyCosts))
			b.WriteString(o.keys)
			fmt.Fprintf(&b, "    link: [external_identifier, variables.crm_contact_id, {variables.email: email}, customer.phone]\n    %s\n", o.hide)
		} else {
			fmt.Fprintf(&b, "      - {id: inbox, sha256: %s, scopes: [conversations:read]}\n", hash(keyGlobex))
		}
		fmt.Fprintf(&b, "    store: {kind: %s, url: %q, token: %s}\n", tenant.Store, url+"/"+tenant.Store, tenant.StoreToken)
		fmt.Fprintf(&b, "    crm: {kind: rest, url: %q, token: %s, contact_custom: {plan: custom.plan, score: custom.score}, account_custom: {tier: custom.tier}}\n", cmp.Or(o.crm, url+"/crm"), tenant.CRMToken)
	}
	return b.String()
}

// answer is a response that was checked against the contract.
type answer struct {
	status int
	header http.Header
	body   []byte
	took   time.Duration
}

// get asks the public listener, and fails the test if the answer is not what
// the contract has.
func (in *installation) get(t testing.TB, key, path string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, in.public+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+key)
	return in.do(t, req)
}

func (in *installation) do(t testing.TB, req *http.Request) answer {
	t.Helper()
	began := time.Now()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	a := answer{resp.StatusCode, resp.Header, body, time.Since(began)}
	route, params, err := in.contract.FindRoute(req)
	if err != nil {
		return a // not a path of the contract: a 404
	}
	check := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: req, Route: route, PathParams: params},
		Status:                 a.status, Header: a.header,
		Body:    io.NopCloser(bytes.NewReader(body)),
		Options: &openapi3filter.Options{IncludeResponseStatus: true, MultiError: true},
	}
	if err := openapi3filter.ValidateResponse(t.Context(), check); err != nil {
		t.Errorf("%s: the answer is not what the contract has: %v\n%s", req.URL.Path, err, body)
	}
	return a
}

// part is what a document says of a part.
type part struct {
	State, Source, Reason string
	AsOf                  string
	AgeSeconds            *int
	RetryAfterSeconds     int
}

// shown is a document, in part.
type shown struct {
	ID, TenantID, Status string
	ContactID, AccountID *string
	Contact, Account     map[string]any
	Messages             []map[string]any
	AttentionItems       []map[string]any
	Enrichment           struct {
		Complete                                                 bool
		Link                                                     struct{ Rule, State, Reason string }
		Conversation, Messages, Contact, Account, AttentionItems part
	}
}

// document asks for one conversation, which has to be there.
func (in *installation) document(t testing.TB, key, id string) (shown, answer) {
	t.Helper()
	a := in.get(t, key, "/api/conversations/"+id)
	var d shown
	if a.status != http.StatusOK {
		t.Fatalf("%s: status %d: %s", id, a.status, a.body)
	}
	if err := json.Unmarshal(a.body, &d); err != nil {
		t.Fatal(err)
	}
	return d, a
}

// breakers returns the state of each breaker.
func (in *installation) breakers(t testing.TB) map[string]string {
	t.Helper()
	resp, err := http.Get(in.ops + "/breakers")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var list struct {
		Breakers []struct{ Name, State string }
	}
	if err := json.NewDecoder(resp.Body).Decode(&list); err != nil {
		t.Fatal(err)
	}
	states := map[string]string{}
	for _, b := range list.Breakers {
		states[b.Name] = b.State
	}
	return states
}

// eventually polls for what another process or goroutine brings about.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for range 500 {
		if ok() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("did not come to be: %s", what)
}
