package gateway

import (
	"net/http"
	"time"
)

// HTTPServer returns the server of a listener, with a bound on everything that
// a caller can make last. The handler has deadline to begin an answer. Nothing
// reads a request's body: net/http drops the first 256 KiB and hangs up on more.
// ErrorLog, where net/http reports failing listeners and connections, is the
// caller's to set.
func HTTPServer(addr string, h http.Handler, deadline time.Duration) *http.Server {
	const sending = 30 * time.Second // for the answer to reach a slow reader
	return &http.Server{
		Addr:              addr,
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       15 * time.Second,
		WriteTimeout:      deadline + sending,
		IdleTimeout:       60 * time.Second,
		MaxHeaderBytes:    16 << 10, // net/http lets 4 KiB more through
	}
}
