package main

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// The reloader looks at the file by itself where it is asked to, and does what
// it is told where that may be.
func TestReloadModes(t *testing.T) {
	for mode, want := range map[string][2]int{reloadOff: {0, 0}, reloadSignal: {0, 1}, reloadWatch: {1, 2}} {
		t.Run(mode, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "weft.yaml")
			text := "reload: " + mode + "\n" + strings.NewReplacer("HASH1", hash1, "HASH2", hash2).Replace(sound)
			replaceFile(t, path, text)
			synctest.Test(t, func(t *testing.T) {
				r, hangups, stop := reloading(t, path)
				defer stop()
				replaceFile(t, path, strings.Replace(text, "fresh: 5m", "fresh: 6m", 1))
				time.Sleep(3 * lookEvery)
				synctest.Wait()
				watched := r.generations()
				replaceFile(t, path, strings.Replace(text, "fresh: 5m", "fresh: 7m", 1))
				hangups <- syscall.SIGHUP
				synctest.Wait()
				if got := [2]int{watched, r.generations()}; got != want {
					t.Errorf("%d generations after a while and %d after the signal, want %v", got[0], got[1], want)
				}
			})
		})
	}
}

// nowhere is where no service is.
type nowhere struct{}

func (nowhere) RoundTrip(*http.Request) (*http.Response, error) { return nil, syscall.ECONNREFUSED }

// idle is a system that serves nobody, and counts its generations.
type idle struct {
	sys  *system
	seen map[*generation]bool
}

// reloading has a reloader over a system whose listeners are in memory.
func reloading(t *testing.T, path string) (r *idle, hangups chan os.Signal, stop func()) {
	t.Helper()
	file := newConfigFile(path, noEnv)
	cfg, err := file.read(nil)
	if err != nil {
		t.Fatal(err)
	}
	out := network()
	out.listen = func(context.Context, string) (net.Listener, error) { return newPipes(), nil }
	out.transport = func(int, time.Duration, []netip.Prefix) http.RoundTripper { return nowhere{} }
	sys, err := buildIn(out, cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	hangups = make(chan os.Signal)
	sys.reloads = newReloader(sys, file, new(slog.LevelVar), hangups).run
	ctx, cancel := context.WithCancel(t.Context())
	ready, done := make(chan struct{}), make(chan error, 1)
	go func() { done <- sys.serve(ctx, func(string, string) { close(ready) }) }()
	<-ready
	r = &idle{sys: sys, seen: map[*generation]bool{sys.stage.current.Load(): true}}
	return r, hangups, func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		sys.close()
	}
}

// generations is how many there have been, as far as was looked, but the first.
func (r *idle) generations() int {
	r.seen[r.sys.stage.current.Load()] = true
	return len(r.seen) - 1
}
