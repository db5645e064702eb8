package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"golang.org/x/sync/errgroup"
)

// drainFor bounds how long requests under way may take to finish after a
// signal to stop. It is longer than any request's deadline may be.
const drainFor = 20 * time.Second

// runServe runs the gateway from a configuration file until ctx ends.
func runServe(ctx context.Context, args []string, getenv func(string) string, stdout io.Writer) error {
	flags := flag.NewFlagSet("weft serve", flag.ContinueOnError)
	file := flags.String("config", defaultFile, "configuration `file`")
	listen := flags.String("listen", "", "public `address`; overrides the file")
	opsListen := flags.String("ops-listen", "", "ops `address`; overrides the file")
	level := logLevel(flags)
	if help, err := parseFlags(flags, args, stdout); help || err != nil {
		return err
	}
	cfg, err := loadConfig(*file, overridden(getenv, map[string]string{
		"WEFT_LISTEN": *listen, "WEFT_OPS_LISTEN": *opsListen,
	}))
	if err != nil {
		return err
	}
	sys, err := build(cfg, newLogger(*level))
	if err != nil {
		return err
	}
	defer sys.close()
	return sys.serve(ctx, func(public, ops string) {
		fmt.Fprintf(stdout, "weft: serving on http://%s, ops on http://%s\n", public, ops)
	})
}

// overridden lets flags that are set stand before the variables of the same
// meaning, so that they are checked like them.
func overridden(getenv func(string) string, flags map[string]string) func(string) string {
	return func(name string) string {
		if v := flags[name]; v != "" {
			return v
		}
		return getenv(name)
	}
}

// logLevel declares the flag for how much is logged.
func logLevel(flags *flag.FlagSet) *slog.Level {
	level := new(slog.Level)
	flags.TextVar(level, "log-level", slog.LevelInfo, "least `level` that is logged: debug, info, warn, error")
	return level
}

// newLogger logs JSON lines to standard error; standard output is the command's.
func newLogger(level slog.Level) *slog.Logger {
	return slog.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
}

// serve listens, tells ready the addresses, and serves until ctx ends or a
// listener fails. Then it says that it is draining, finishes what is under
// way, and returns.
func (s *system) serve(ctx context.Context, ready func(public, ops string)) error {
	var lc net.ListenConfig
	public, err := lc.Listen(ctx, "tcp", s.cfg.Listen)
	if err != nil {
		return fmt.Errorf("public listener: %w; -listen chooses another address", err)
	}
	ops, err := lc.Listen(ctx, "tcp", s.cfg.Ops.Listen)
	if err != nil {
		return errors.Join(fmt.Errorf("ops listener: %w; -ops-listen chooses another address", err), public.Close())
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	g, ctx := errgroup.WithContext(ctx) // one listener's end is the other's
	g.Go(func() error { return serveOn(s.public, public) })
	g.Go(func() error { return serveOn(s.ops, ops) })
	g.Go(func() error { s.tokens.Run(ctx); return nil })
	g.Go(func() error { s.backfiller.Run(ctx, s.tenants); return nil })
	g.Go(func() error { <-ctx.Done(); return s.drain() })
	ready(public.Addr().String(), ops.Addr().String())
	return g.Wait()
}

func serveOn(srv *http.Server, l net.Listener) error {
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// drain ends the public listener before the ops listener, so that the state is
// to be seen until the last request is answered.
func (s *system) drain() error {
	s.draining.Store(true)
	s.log.Info("draining")
	ctx, cancel := context.WithTimeout(context.Background(), drainFor)
	defer cancel()
	return errors.Join(s.public.Shutdown(ctx), s.ops.Shutdown(ctx))
}
