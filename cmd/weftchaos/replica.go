package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/weft-gateway/weft/upstream/sandbox"
)

// replica is one gateway.
type replica struct {
	*process
	public, ops string // roots of the listeners
	ready       atomic.Bool
}

// keyOf is the API key of a tenant, for these gateways alone.
func keyOf(tenant string) string { return "weft_chaos_" + tenant[:8] }

// otherTenant is the one of the two that the given one is not.
func otherTenant(id string) string {
	if id == sandbox.Acme {
		return sandbox.Globex
	}
	return sandbox.Acme
}

func digest(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:])
}

func (w *world) startReplica(ctx context.Context, number int) (*replica, error) {
	file, err := w.startFile(number)
	if err != nil {
		return nil, err
	}
	program, args := w.weft, []string{"serve", "-config", file, "-listen", "127.0.0.1:0", "-ops-listen", "127.0.0.1:0"}
	if w.files > 0 {
		args = append([]string{"-c", fmt.Sprintf(`ulimit -n %d && exec "$0" "$@"`, w.files), program}, args...)
		program = "/bin/sh"
	}
	p, groups, err := launch(ctx, fmt.Sprintf("gateway %d", number), `serving on (http://\S+), ops on (http://\S+)\n`, w.env, program, args...)
	if err != nil {
		return nil, err
	}
	r := &replica{process: p, public: groups[1], ops: groups[2]}
	r.ready.Store(r.isReady(ctx, control()))
	return r, nil
}

func (r *replica) isReady(ctx context.Context, client *http.Client) bool {
	if !r.running() {
		return false
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.public+"/readyz", nil)
	if err != nil {
		return false
	}
	resp, err := client.Do(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body) // so that the connection can be used again
	return resp.StatusCode == http.StatusOK
}

// control is for what is asked beside the load: it keeps no connections that
// would count as a gateway's.
func control() *http.Client {
	return &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 20 * time.Second}
}

// fetch asks once, and returns the whole answer, which has to be a good one.
func fetch(ctx context.Context, method, url, token string, body io.Reader) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		return nil, err
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := control().Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode/100 != 2 {
		err = fmt.Errorf("%s %s: %s %s", method, url, resp.Status, text)
	}
	return text, err
}

// metrics are the samples of a gateway, by name and labels as they are written.
type metrics map[string]float64

func (r *replica) metrics(ctx context.Context) (metrics, error) {
	text, err := fetch(ctx, http.MethodGet, r.ops+"/metrics", "", nil)
	if err != nil {
		return nil, fmt.Errorf("%s: metrics: %w", r.name, err)
	}
	m := metrics{}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		at := strings.LastIndexByte(line, ' ')
		if at < 0 || line[0] == '#' {
			continue
		}
		if v, err := strconv.ParseFloat(line[at+1:], 64); err == nil {
			m[line[:at]] = v
		}
	}
	return m, nil
}

// sum adds up the samples of a metric that have all these labels, written as
// `kind="contact"`.
func (m metrics) sum(name string, labels ...string) float64 {
	total := 0.0
samples:
	for sample, v := range m {
		n, have, _ := strings.Cut(sample, "{")
		if n != name {
			continue
		}
		for _, l := range labels {
			if !strings.Contains("{"+have, "{"+l) && !strings.Contains(have, ","+l) {
				continue samples
			}
		}
		total += v
	}
	return total
}

// breakers are the states of a gateway's breakers by name.
func (r *replica) breakers(ctx context.Context) (map[string]string, error) {
	text, err := fetch(ctx, http.MethodGet, r.ops+"/breakers", "", nil)
	if err != nil {
		return nil, fmt.Errorf("%s: breakers: %w", r.name, err)
	}
	var list struct {
		Breakers []struct{ Name, State string }
	}
	if err := json.Unmarshal(text, &list); err != nil {
		return nil, fmt.Errorf("%s: breakers: %w", r.name, err)
	}
	states := map[string]string{}
	for _, b := range list.Breakers {
		states[b.Name] = b.State
	}
	return states, nil
}

// footprint is what a gateway holds after a garbage collection: goroutines but
// for those of idle connections, of which a pool has as many as there were
// calls at once, and the bytes of its heap.
func (r *replica) footprint(ctx context.Context) (goroutines, heap float64, err error) {
	for range 2 { // the second one finds what finalizers let go
		if _, err = fetch(ctx, http.MethodGet, r.ops+"/debug/pprof/heap?gc=1", "", nil); err != nil {
			return 0, 0, err
		}
	}
	m, err := r.metrics(ctx)
	if err != nil {
		return 0, 0, err
	}
	profile, err := fetch(ctx, http.MethodGet, r.ops+"/debug/pprof/goroutine?debug=1", "", nil)
	return workers(string(profile)), m["go_memstats_heap_alloc_bytes"], err
}

// workers counts the goroutines of a profile that are not of a connection.
func workers(profile string) float64 {
	n := 0.0
	for stack := range strings.SplitSeq(profile, "\n\n") {
		count, _, found := strings.Cut(stack, " @ ")
		if !found || strings.Contains(stack, "net/http.(*persistConn)") || strings.Contains(stack, "net/http.(*conn).serve") || strings.Contains(stack, "net/http.(*connReader)") {
			continue
		}
		of, err := strconv.ParseFloat(count[strings.LastIndexByte(count, '\n')+1:], 64)
		if err == nil {
			n += of
		}
	}
	return n
}
