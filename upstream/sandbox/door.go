package sandbox

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// Door is an address at which one service alone is served. While the service's
// dial Down is set nothing listens there, so that connections are refused as
// they are by a process that is gone.
type Door struct {
	service *Service
	address string

	mu     sync.Mutex
	server *http.Server // nil: nothing listens; guarded by mu
	closed bool         // guarded by mu
	served sync.WaitGroup
}

// Listen opens a door; port 0 takes a free one. A service has one at most.
func (s *Service) Listen(address string) (*Door, error) {
	d := &Door{service: s, address: address}
	if !s.door.CompareAndSwap(nil, d) {
		return nil, fmt.Errorf("sandbox: %s has an address already", s.name)
	}
	if err := d.open(); err != nil {
		s.door.Store(nil)
		return nil, err
	}
	return d, nil
}

// URL is the root of the service there.
func (d *Door) URL() string { return "http://" + d.address }

// Close ends the door for good, with its connections.
func (d *Door) Close() {
	d.mu.Lock()
	d.closed = true
	d.mu.Unlock()
	d.shut()
	d.service.door.CompareAndSwap(d, nil)
}

// follow opens or shuts the door as the dial says.
func (d *Door) follow(down bool) error {
	if down {
		d.shut()
		return nil
	}
	return d.open()
}

func (d *Door) open() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.server != nil || d.closed {
		return nil
	}
	at, err := net.ResolveTCPAddr("tcp", d.address)
	if err != nil {
		return fmt.Errorf("sandbox: %s: %w", d.service.name, err)
	}
	l, err := net.ListenTCP("tcp", at)
	if err != nil {
		return fmt.Errorf("sandbox: %s: %w", d.service.name, err)
	}
	if at.Port == 0 { // the first time: it opens again where it was
		d.address = l.Addr().String()
	}
	server := &http.Server{
		Handler: d.service, ReadHeaderTimeout: 5 * time.Second,
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError), // it cuts answers on purpose
	}
	d.server = server
	d.served.Go(func() {
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			d.service.log.Error("sandbox listener", "service", d.service.name, "error", err)
		}
	})
	return nil
}

// shut closes the listener and every connection, and waits for the former.
func (d *Door) shut() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.server != nil {
		_ = d.server.Close()
		d.server = nil
	}
	d.served.Wait()
}
