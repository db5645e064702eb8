package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/weft-gateway/weft/upstream/sandbox"
)

// reloadable is an installation whose configuration a test can change.
type reloadable struct {
	*installation
	sys     *system
	file    string
	hangups chan os.Signal
	log     *safeBuffer
	other   string // another address of the sandbox
}

// installReloadable runs what `weft serve` runs.
func installReloadable(t *testing.T, o options) *reloadable {
	t.Helper()
	r := &reloadable{file: filepath.Join(t.TempDir(), "weft.yaml"), hangups: make(chan os.Signal), log: &safeBuffer{}}
	box := sandbox.New(o.box)
	handler := box.Handler()
	if o.between != nil {
		handler = o.between(handler)
	}
	first, second := httptest.NewServer(handler), httptest.NewServer(box.Handler())
	t.Cleanup(func() {
		box.Close()
		for _, s := range []*httptest.Server{first, second} {
			s.CloseClientConnections()
			s.Close()
		}
	})
	r.installation, r.other = &installation{box: box, boxURL: first.URL, contract: contractOf(t)}, second.URL
	r.write(t, o)
	file := newConfigFile(r.file, from(map[string]string{"WEFT_LISTEN": "127.0.0.1:0", "WEFT_OPS_LISTEN": "127.0.0.1:0"}))
	cfg, err := file.read(nil)
	if err != nil {
		t.Fatal(err)
	}
	level := new(slog.LevelVar)
	level.Set(cfg.Log.level())
	if r.sys, err = build(cfg, slog.New(slog.NewJSONHandler(r.log, &slog.HandlerOptions{Level: level}))); err != nil {
		t.Fatal(err)
	}
	r.sys.reloads = newReloader(r.sys, file, level, r.hangups).run
	r.running, r.public, r.ops = serveUntilStopped(t, r.sys)
	return r
}

// write replaces the file as a careful editor does.
func (r *reloadable) write(t *testing.T, o options) {
	t.Helper()
	r.put(t, configFor(r.box, r.boxURL, o))
}

func (r *reloadable) put(t *testing.T, content string) {
	t.Helper()
	if err := os.WriteFile(r.file+".new", []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(r.file+".new", r.file); err != nil {
		t.Fatal(err)
	}
}

// hangUp has the file read again, and reports whether it was accepted.
func (r *reloadable) hangUp(t *testing.T) bool {
	t.Helper()
	done, refused := r.count(t, "success"), r.count(t, "refused")
	r.hangups <- syscall.SIGHUP
	eventually(t, "the file is read again", func() bool { return r.count(t, "success")+r.count(t, "refused") > done+refused })
	return r.count(t, "success") > done
}

func (r *reloadable) count(t *testing.T, outcome string) int {
	t.Helper()
	counts := prometheus.NewRegistry()
	counts.MustRegister(r.sys.metrics.reloads)
	families, err := counts.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range families[0].GetMetric() {
		if m.GetLabel()[0].GetValue() == outcome {
			return int(m.GetCounter().GetValue())
		}
	}
	return 0
}

// reload writes the file, and has it accepted.
func (r *reloadable) reload(t *testing.T, o options) {
	t.Helper()
	r.write(t, o)
	if !r.hangUp(t) {
		t.Fatalf("the file is refused:\n%s", r.log)
	}
}

// Ten times a second everything that can change does, and nobody who asks
// meanwhile notices.
func TestReloadUnderLoad(t *testing.T) {
	redis := startRedis(t)
	base := options{redis: redis.url, extra: "reload: signal\ndeadlines: {request: 15s, store: 14s, crm: 14s, redis: 2s}"}
	r := installReloadable(t, base)
	r.document(t, keyGlobex, sandbox.ExampleNative)
	variants := []string{ // of the file's beginning
		"reload: signal\ndeadlines: {request: 14s, store: 13s, crm: 13s, redis: 2s}\ncache: {contact: {fresh: 1s}}\nlog: {level: debug}",
		"reload: signal\ndeadlines: {request: 15s, store: 14s, crm: 14s, redis: 2s}\nlimits: {in_flight: 4096, key: {requests: 10000/s, burst: 100000}}\nhsts: true",
		"reload: signal\ndeadlines: {request: 15s, store: 14s, crm: 12s, redis: 2s}\ncache: {conversation: {fresh: 1ms}}\nallow_addresses: [169.254.10.0/24]",
		base.extra,
	}
	var asked, wrong atomic.Int64
	stop := make(chan struct{})
	var callers sync.WaitGroup
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 8}}
	for n := range 4 {
		callers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				path := "/api/conversations/" + sandbox.ExampleNative
				if n == 0 {
					path = "/api/conversations?per_page=2"
				}
				if status := ask(client, r.public+path, keyGlobex); status != http.StatusOK {
					wrong.Add(1)
					t.Errorf("status %d during reloads", status)
					return
				}
				asked.Add(1)
			}
		})
	}
	eventually(t, "load", func() bool { return asked.Load() > 20 })
	before := 0
	const rounds = 24
	for n := range rounds {
		o := base
		o.extra = variants[n%len(variants)]
		if n%3 == 1 {
			o.crm = r.other + "/crm" // another host, and back
		}
		if n%2 == 1 {
			o.hide = "hide: [variables]"
		}
		r.reload(t, o)
		if n == rounds/4 {
			before = runtime.NumGoroutine()
		}
	}
	after := runtime.NumGoroutine()
	close(stop)
	callers.Wait()
	client.CloseIdleConnections()
	t.Logf("%d reloads, %d requests, %d wrong; %d goroutines after a quarter of them, %d at the end", rounds, asked.Load(), wrong.Load(), before, after)
	if got := r.count(t, "success"); got != rounds+1 {
		t.Errorf("%d reloads, want %d", got, rounds+1)
	}
	if after > before+60 { // what one generation has, and the callers' connections come and go
		t.Errorf("%d goroutines became %d", before, after)
	}
	eventually(t, "earlier generations are gone", func() bool {
		select {
		case <-r.sys.retired:
			return true
		default:
			return false
		}
	})
}

// hashOf is what the configuration has of a key.
func hashOf(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:])
}

// ask returns the status of an answer that came whole, 0 for none.
func ask(client *http.Client, url, key string) int {
	req, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return 0
	}
	req.Header.Set("Authorization", "Bearer "+key)
	resp, err := client.Do(req)
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return 0
	}
	return resp.StatusCode
}

// What a caller sees of a reload: credentials, tenants and their settings.
func TestReloadTakesEffect(t *testing.T) {
	const another = "weft_test_key_of_another"
	r := installReloadable(t, options{})
	path := "/api/conversations/" + sandbox.ExampleNative
	if a := r.get(t, another, path); a.status != http.StatusUnauthorized {
		t.Fatalf("a key that is not there yet: %d", a.status)
	}
	text := configFor(r.box, r.boxURL, options{})
	text = strings.Replace(text, hashOf(keyGlobex), hashOf(another), 1)
	text = strings.Replace(text, "name: Globex", "name: Globex\n    hide: [variables]\n    cors: [https://inbox.example]", 1)
	text += "hsts: true\nlog: {level: error}\n"
	r.put(t, text)
	if !r.hangUp(t) {
		t.Fatalf("refused:\n%s", r.log)
	}
	if a := r.get(t, keyGlobex, path); a.status != http.StatusUnauthorized {
		t.Errorf("a key that was taken away: %d", a.status)
	}
	a := r.get(t, another, path)
	if a.status != http.StatusOK || a.header.Get("Strict-Transport-Security") == "" || !strings.Contains(string(a.body), `"variables":null`) {
		t.Errorf("with the new settings: %d, %v, %.300s", a.status, a.header, a.body)
	}
	if a := r.get(t, keyAcme, "/api/conversations?per_page=1"); a.status != http.StatusOK {
		t.Errorf("another tenant: %d", a.status)
	}
	cut, _, _ := strings.Cut(text, "  - id: "+sandbox.Globex)
	r.put(t, cut+"hsts: true\n")
	if !r.hangUp(t) {
		t.Fatalf("refused:\n%s", r.log)
	}
	if a := r.get(t, another, path); a.status != http.StatusUnauthorized {
		t.Errorf("a tenant that was taken away: %d", a.status)
	}
	if _, there := r.breakers(t)["native-conversation"]; there {
		t.Error("breakers of a store that is not there any more")
	}
	<-r.sys.retired
	for _, name := range r.series(t) {
		if strings.Contains(name, `upstream="native"`) && !strings.Contains(name, "foreign") { // that one is by kind
			t.Errorf("a series of a store that is not there any more: %s", name)
		}
	}
}

// A file with anything wrong changes nothing, and the log says what is wrong.
func TestReloadRefused(t *testing.T) {
	r := installReloadable(t, options{})
	sound := configFor(r.box, r.boxURL, options{})
	current := r.sys.stage.current.Load()
	for _, tt := range []struct{ name, file, want string }{
		{"unknown key", sound + "hstss: true\n", "hstss: unknown key"},
		{"no YAML", "tenants: [", "is not YAML"},
		{"empty", "", "tenants: is missing"},
		{"listen", "listen: 127.0.0.1:1\nops: {listen: 127.0.0.1:2}\n" + sound, "nothing"},
		{"Redis", strings.Replace(sound, `redis: {url: ""}`, `redis: {url: "redis://u:T0KEN@127.0.0.1:1"}`, 1), "weft.yaml:2: redis.url: cannot be changed while the gateway runs; restart it"},
		{"memory", "cache: {memory: 7MiB}\n" + sound, "weft.yaml:1: cache.memory: cannot be changed while the gateway runs; restart it"},
		{"both", "cache: {memory: 7MiB}\naudit: {file: stdout}\n" + sound, `audit.file: cannot be changed while the gateway runs; restart it`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r.put(t, tt.file)
			before := len(r.log.String())
			accepted := r.hangUp(t)
			if accepted != (tt.want == "nothing") { // variables override the addresses of the file
				t.Errorf("accepted: %t", accepted)
			}
			if got := r.log.String()[before:]; !accepted && (strings.Count(got, `"level":"ERROR"`) != 1 || !strings.Contains(got, tt.want) || strings.Contains(got, "T0KEN")) {
				t.Errorf("log: %s\nwant one error with %s", got, tt.want)
			}
			if !accepted && r.sys.stage.current.Load() != current {
				t.Error("something has changed")
			}
			current = r.sys.stage.current.Load()
			ok := map[bool]float64{true: 1}[accepted]
			if got := r.metric(t, "weft_config_last_reload_successful"); got != ok {
				t.Errorf("last reload successful: %v, want %v", got, ok)
			}
			if a := r.get(t, keyGlobex, "/api/conversations/"+sandbox.ExampleNative); a.status != http.StatusOK {
				t.Errorf("status %d", a.status)
			}
		})
	}
	if r.metric(t, "weft_config_last_reload_success_timestamp_seconds") < 1.7e9 {
		t.Error("no time of the last success")
	}
}

// What has been learned of a source stays while its address does.
func TestReloadKeepsBreakers(t *testing.T) {
	o := options{extra: "deadlines: {request: 15s, store: 14s, crm: 14s}"}
	r := installReloadable(t, o)
	r.document(t, keyGlobex, sandbox.ExampleNative)
	r.dial(t, r.box.CRM(), "", sandbox.Dial{ErrorRate: 1, Status: 500})
	for i := range 12 {
		ask(http.DefaultClient, fmt.Sprintf("%s/api/conversations?per_page=%d", r.public, i+1), keyGlobex)
	}
	state := func() string { return r.breakers(t)["rest-contacts"] }
	if state() == "closed" {
		t.Fatalf("the breaker did not open: %v", r.breakers(t))
	}
	opened := r.metric(t, `weft_breaker_openings_total{breaker="rest-contacts"}`)
	for _, extra := range []string{"deadlines: {request: 14s, store: 13s, crm: 12s}", o.extra} {
		o.extra = extra
		r.reload(t, o)
		if got := state(); got == "closed" {
			t.Errorf("the breaker is %s after a reload", got)
		}
		if got := r.metric(t, `weft_breaker_openings_total{breaker="rest-contacts"}`); got < opened {
			t.Errorf("%v openings, there were %v", got, opened)
		}
	}
	o.crm = r.other + "/crm"
	r.reload(t, o)
	if got := state(); got != "closed" {
		t.Errorf("the breaker of another CRM is %s", got)
	}
}

// A request ends on what it began with, which goes when it is done.
func TestReloadWaitsForRequests(t *testing.T) {
	began, release := make(chan struct{}, 100), make(chan struct{})
	o := options{extra: "deadlines: {request: 15s, store: 14s, crm: 14s}", between: func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.URL.Path, "/crm/") {
				began <- struct{}{}
				<-release
			}
			next.ServeHTTP(w, r)
		})
	}}
	r := installReloadable(t, o)
	unblock := sync.OnceFunc(func() { close(release) })
	t.Cleanup(unblock)
	answered := make(chan int, 1)
	go func() {
		answered <- ask(http.DefaultClient, r.public+"/api/conversations/"+sandbox.ExampleNative, keyGlobex)
	}()
	<-began
	old := r.sys.stage.current.Load()
	host := old.upstreams.hosts[hostKey{"rest", r.boxURL + "/crm"}]
	o.crm = r.other + "/crm"
	r.reload(t, o)
	select {
	case <-old.users.gone:
		t.Fatal("the generation is gone before its request")
	case <-r.sys.retired:
		t.Fatal("it is closed before its request is done")
	default:
	}
	if host.InFlight() == 0 {
		t.Error("the call of the earlier generation is over")
	}
	unblock()
	if got := <-answered; got != http.StatusOK {
		t.Errorf("status %d", got)
	}
	<-r.sys.retired
}
