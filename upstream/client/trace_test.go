package client

import (
	"context"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weft-gateway/weft/upstream"
)

type alongKey struct{}

// Who traces is told of each call once, with how often it was made, and each
// request is made within what it began.
func TestTrace(t *testing.T) {
	type told struct {
		Op    upstream.Op
		Tries int
		Kind  upstream.Kind
	}
	var got []told
	var headers []string
	statuses := []int{200, 503, 200, 404, 503, 503}
	next := func(r *http.Request) (*http.Response, error) {
		headers = append(headers, r.Header.Get("Traceparent"))
		status := statuses[0]
		statuses = statuses[1:]
		return answer(r, status, `{"error":"none"}`), nil
	}
	h := faked(t, next, func(c *HostConfig) {
		c.Trace = func(ctx context.Context, op upstream.Op) (context.Context, func(int, error)) {
			return context.WithValue(ctx, alongKey{}, string(op)), func(tries int, err error) {
				kind := upstream.Kind("")
				if err != nil {
					kind = upstream.KindOf(err)
				}
				got = append(got, told{op, tries, kind})
			}
		}
		c.Propagate = func(ctx context.Context, header http.Header) {
			op, _ := ctx.Value(alongKey{}).(string)
			header.Set("Traceparent", op)
		}
	})
	for range 4 {
		_ = get(t.Context(), h, contact)
	}
	_ = get(t.Context(), h, Call{Op: upstream.OpContacts, Path: []string{""}}) // not made at all
	want := []told{
		{upstream.OpContacts, 1, ""}, {upstream.OpContacts, 2, ""}, {upstream.OpContacts, 1, upstream.NotFound},
		{upstream.OpContacts, 2, upstream.UpstreamError}, {upstream.OpContacts, 0, upstream.NotFound},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
	for _, header := range headers {
		if header != string(upstream.OpContacts) {
			t.Errorf("a request is part of %q", header)
		}
	}
}
