package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sync/errgroup"
)

// servingLine is what a program of ours says when it can be asked, as the
// gateway does.
const servingLine = `serving on (http://\S+), ops on (http://\S+)`

// serve answers until ctx ends, at a free port, and at another one with its
// metrics: what it is measured by must not be in what is measured.
func serve(ctx context.Context, stdout io.Writer, h http.Handler) error {
	var lc net.ListenConfig
	public, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	ops, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return errors.Join(fmt.Errorf("listen: %w", err), public.Close())
	}
	fmt.Fprintf(stdout, "serving on http://%s, ops on http://%s\n", public.Addr(), ops.Addr())
	var g errgroup.Group
	g.Go(func() error { return serveUntil(ctx, public, h) })
	g.Go(func() error { return serveUntil(ctx, ops, promhttp.Handler()) })
	return g.Wait()
}

func serveUntil(ctx context.Context, l net.Listener, h http.Handler) error {
	server := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve: %w", err)
	}
	return nil
}

// writeJSON is how all baselines answer.
func writeJSON(w http.ResponseWriter, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(body) //nolint:gosec // JSON of ours; an error is that who asked has gone
}
