package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"golang.org/x/sync/errgroup"
)

// askers is how many ask at once outside of what is measured.
const askers = 16

// newClient asks outside of what is measured.
func newClient() *http.Client {
	return &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: askers}}
}

// fetch asks once, and returns an answer that has to be a good one.
func fetch(ctx context.Context, client *http.Client, url string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+gatewayKey)
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s %s", url, resp.Status, body)
	}
	return body, err
}

// document asks the public listener.
func (p *process) document(ctx context.Context, path string) ([]byte, error) {
	return fetch(ctx, p.client, p.public+path)
}

// whole asks a gateway for a document that nobody else asks for. One with a part
// that could not be had would be measured as well, and mean nothing.
func (p *process) whole(ctx context.Context) error {
	const other, tries = 999_999_999_999, 5 // the first one may be late on a busy machine
	var body []byte
	for range tries {
		var err error
		if body, err = p.document(ctx, document(other)); err != nil {
			return err
		}
		if bytes.Contains(body, []byte(`"complete":true`)) {
			return nil
		}
	}
	return fmt.Errorf("%s: a document that is not complete: %s", p.name, body)
}

// each calls f for the numbers below n, some at once.
func each(ctx context.Context, n int, f func(n int) error) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(askers)
	for i := range n {
		if ctx.Err() != nil {
			break
		}
		g.Go(func() error { return f(i) })
	}
	return g.Wait()
}

// warm asks for the first n documents.
func (p *process) warm(ctx context.Context, n int) error {
	return each(ctx, n, func(n int) error {
		_, err := p.document(ctx, document(n))
		return err
	})
}

// calls are what the sources were asked, by operation.
type calls map[string]float64

func (c calls) sum() float64 {
	n := 0.0
	for _, made := range c {
		n += made
	}
	return n
}

func (p *process) calls(ctx context.Context) (calls, error) {
	body, err := p.document(ctx, "/calls")
	if err != nil {
		return nil, err
	}
	made := calls{}
	if err := json.Unmarshal(body, &made); err != nil {
		return nil, fmt.Errorf("calls: %w", err)
	}
	return made, nil
}

// callsDuring is what the sources were asked while f ran.
func (p *process) callsDuring(ctx context.Context, f func() error) (calls, error) {
	before, err := p.calls(ctx)
	if err != nil {
		return nil, err
	}
	if err := f(); err != nil {
		return nil, err
	}
	after, err := p.calls(ctx)
	for op := range after {
		after[op] -= before[op]
	}
	return after, err
}
