package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/weft-gateway/weft/upstream"
	"github.com/weft-gateway/weft/upstream/breaker"
)

const (
	// connectCall is how long a source may take to answer a check: longer than
	// it may in service, so that what is slow is told from what is not there.
	connectCall = 5 * time.Second

	// connectAll bounds the check of all sources, which are asked together. One
	// that is shared by many tenants answers them in turn.
	connectAll = 20 * time.Second
)

// nobody is an address that no contact has: the answer is small, and says all
// the same whether the credential is good.
const nobody = "weft-check@example.invalid"

// finding is what became of one source.
type finding struct {
	tenant, role, kind string
	limit              time.Duration // what it has in service
	took               time.Duration
	err                error
	seen               *answered
}

// checkSources asks each source one question, and writes a line for each: with
// nothing in it that a source could have made up, and no secret. The error says
// how many cannot be used.
func checkSources(ctx context.Context, out outside, cfg Config, w io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, connectAll)
	defer cancel()
	findings, err := askSources(ctx, out, cfg)
	if err != nil {
		return err
	}
	bad := 0
	for _, f := range findings {
		fmt.Fprintln(w, f)
		if f.err != nil {
			bad++
		}
	}
	if bad > 0 {
		return fmt.Errorf("%d of %d sources cannot be used", bad, len(findings))
	}
	return nil
}

func askSources(ctx context.Context, out outside, cfg Config) ([]*finding, error) {
	service := cfg.Deadlines
	cfg.Deadlines.Store, cfg.Deadlines.CRM = connectCall, connectCall
	s := &system{boot: cfg, log: slog.New(slog.DiscardHandler), outside: listening(out), metrics: newMetrics(), breakers: breaker.NewSet()}
	g := &generation{cfg: cfg}
	defer func() { g.upstreams.release(upstreams{}) }()
	if err := g.buildTenants(s, &generation{}); err != nil { //nolint:contextcheck // nothing is asked yet
		return nil, err
	}
	var all []*finding
	var asked sync.WaitGroup
	ask := func(tenant, role string, src Source, limit time.Duration, question func(context.Context) error) {
		f := &finding{tenant: tenant, role: role, kind: src.Kind, limit: limit, seen: &answered{}}
		all = append(all, f)
		asked.Go(func() {
			start := time.Now()
			f.err = question(context.WithValue(ctx, answeredKey{}, f.seen))
			f.took = time.Since(start)
		})
	}
	for i, t := range g.tenants {
		ask(t.ID, roleStore, cfg.Tenants[i].Store, service.Store, func(ctx context.Context) error {
			_, err := t.Store.List(ctx, upstream.ListQuery{PerPage: 1})
			return err
		})
		if t.CRM != nil {
			ask(t.ID, roleCRM, *cfg.Tenants[i].CRM, service.CRM, func(ctx context.Context) error {
				_, err := t.CRM.FindContacts(ctx, upstream.ByEmail, []string{nobody})
				return err
			})
		}
	}
	asked.Wait()
	return all, nil
}

// String is the finding's line.
func (f *finding) String() string {
	words := append([]string{f.verdict()}, f.seen.told()...)
	if f.err == nil && f.took > f.limit {
		words = append(words, fmt.Sprintf("too slow for its deadline of %v", f.limit))
	}
	return fmt.Sprintf("%s %s %s: %s (%d ms)", f.tenant, f.role, f.kind, strings.Join(words, "; "), f.took.Milliseconds())
}

// verdict says what the answer means.
func (f *finding) verdict() string {
	e, known := errors.AsType[*upstream.Error](f.err)
	switch {
	case f.err == nil:
		return "reachable, credential good"
	case !known:
		return "failed"
	}
	status := ""
	if e.Status != 0 {
		status = fmt.Sprintf(" (HTTP %d)", e.Status)
	}
	switch e.Kind {
	case upstream.Denied:
		if e.Status == http.StatusForbidden {
			return "reachable, but the credential lacks a right or a scope" + status + cause(e)
		}
		return "reachable, credential refused" + status + cause(e)
	case upstream.RateLimited:
		return fmt.Sprintf("reachable, quota used up%s, again in %v", status, e.RetryAfter.Round(time.Second))
	case upstream.Refused:
		return "not reachable" + cause(e)
	case upstream.Timeout, upstream.Deadline, upstream.Canceled:
		return "no answer in time"
	case upstream.BadResponse, upstream.WrongRecord:
		return "reachable, but does not answer as its kind does" + status + cause(e)
	}
	if e.Status >= 400 && e.Status < 500 {
		return "reachable, but does not take the question" + status + cause(e) + f.unseen()
	}
	return "failed" + status + cause(e)
}

// unseen is why a CRM may refuse a question that asks for fields by name.
func (f *finding) unseen() string {
	if f.role != roleCRM || f.kind == kindREST {
		return ""
	}
	return ": a field that is asked for may not be there, or the credential may not see it"
}

// cause is the text of what is behind an error, which never quotes an answer.
func cause(e *upstream.Error) string {
	if e.Err == nil {
		return ""
	}
	return ": " + e.Err.Error()
}

// answered is what the headers of an answer tell about the credential.
type answered struct {
	mu     sync.Mutex
	header http.Header // of the latest answer
}

type answeredKey struct{}

// listening is out with transports that note the headers of answers.
func listening(out outside) outside {
	transport := out.transport
	out.transport = func(conns int, deadline time.Duration, allow []netip.Prefix) http.RoundTripper {
		return listener{transport(conns, deadline, allow)}
	}
	return out
}

type listener struct{ http.RoundTripper }

// RoundTrip implements [http.RoundTripper].
func (l listener) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := l.RoundTripper.RoundTrip(r)
	if a, ok := r.Context().Value(answeredKey{}).(*answered); ok && err == nil {
		a.mu.Lock()
		a.header = resp.Header.Clone()
		a.mu.Unlock()
	}
	return resp, err
}

// told returns what is left of quotas, and the scopes that a service says it
// wants or has given.
func (a *answered) told() (words []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for name, values := range a.header {
		short := strings.ReplaceAll(strings.ToLower(name), "-", "")
		quota := strings.Contains(short, "ratelimit") && strings.Contains(short, "remaining") || short == "ratelimit" || short == "sforcelimitinfo"
		if value := plain(values[0]); value != "" && (quota || short == "xoauthscopes") {
			words = append(words, name+" "+value)
		}
	}
	if _, scope, ok := strings.Cut(a.header.Get("WWW-Authenticate"), `scope="`); ok {
		scope, _, _ = strings.Cut(scope, `"`)
		words = append(words, "wants the scope "+cmp.Or(plain(scope), "that it does not name"))
	}
	slices.Sort(words)
	return words
}

// plain is a header's value if it is short and of letters, digits and a little
// punctuation; else "".
func plain(value string) string {
	odd := func(r rune) bool {
		return !strings.ContainsRune(" ,;:=/._-", r) && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	}
	if len(value) > 200 || strings.ContainsFunc(value, odd) {
		return ""
	}
	return value
}
