package main

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/weft-gateway/weft/cache"
	"github.com/weft-gateway/weft/tracing"
	"github.com/weft-gateway/weft/upstream/client"
)

// outside is how the gateway reaches what is not part of it, and is reached.
type outside struct {
	listen    func(ctx context.Context, address string) (net.Listener, error)
	redis     func(address string, deadline time.Duration) (redis.UniversalClient, error)
	traces    *tracing.Tracer                                                                 // of requests; nil: there are none
	level     *verbosity                                                                      // how much is logged; nil: that cannot be changed
	transport func(conns int, deadline time.Duration, allow []netip.Prefix) http.RoundTripper // to one service
}

// network is the outside as it is in production.
func network() outside {
	return outside{
		listen: func(ctx context.Context, address string) (net.Listener, error) {
			var lc net.ListenConfig
			return lc.Listen(ctx, "tcp", address)
		},
		redis: cache.RedisClient,
		transport: func(conns int, deadline time.Duration, allow []netip.Prefix) http.RoundTripper {
			return client.NewTransport(conns, deadline, allow)
		},
	}
}
