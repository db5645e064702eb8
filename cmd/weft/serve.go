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
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/weft-gateway/weft/gateway"
)

// opsLinger bounds how long an answer of the ops listener is waited for at the
// end. A profile may take any time.
const opsLinger = 500 * time.Millisecond

// runServe runs the gateway from a configuration file until ctx ends.
func runServe(ctx context.Context, args []string, getenv func(string) string, stdout io.Writer) error {
	flags := flag.NewFlagSet("weft serve", flag.ContinueOnError)
	path := flags.String("config", defaultFile, "configuration `file`")
	listen := flags.String("listen", "", "public `address`; overrides the file")
	opsListen := flags.String("ops-listen", "", "ops `address`; overrides the file")
	logLevel := flags.String("log-level", "", "least `level` that is logged: debug, info, warn, error; overrides the file")
	if help, err := parseFlags(flags, args, stdout); help || err != nil {
		return err
	}
	hangups := make(chan os.Signal, 1) // from now on, or an early one would end the process
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)
	file := newConfigFile(*path, overridden(getenv, map[string]string{
		"WEFT_LISTEN": *listen, "WEFT_OPS_LISTEN": *opsListen, "WEFT_LOG_LEVEL": *logLevel,
	}))
	cfg, err := file.read(nil)
	if err != nil {
		return err
	}
	level := new(slog.LevelVar)
	level.Set(cfg.Log.level())
	verbosity := &verbosity{configured: level}
	log := newLogger(verbosity)
	traces, err := newTraces(getenv, log)
	if err != nil {
		return err
	}
	sys, err := buildWith(cfg, log, verbosity, traces)
	if err != nil {
		return err
	}
	defer sys.close()
	sys.pacer = newPacer(cfg.Cache.Memory, getenv)
	sys.reloads = newReloader(sys, file, level, hangups).run
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

// logLevel declares the flag for how much is logged, usual where it is not set.
func logLevel(flags *flag.FlagSet, usual slog.Level) *slog.Level {
	level := new(slog.Level)
	flags.TextVar(level, "log-level", usual, "least `level` that is logged: debug, info, warn, error")
	return level
}

// newLogger logs JSON lines to standard error; standard output is the command's.
func newLogger(level slog.Leveler) *slog.Logger {
	return slog.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
}

// serve listens, tells ready the addresses, and serves until ctx ends or a
// listener fails. Then it says that it is draining, finishes what is under
// way, and returns. Both addresses are bound before either is answered on, so
// that whoever can ask whether the process is ready can use it.
func (s *system) serve(ctx context.Context, ready func(public, ops string)) error {
	public, err := s.outside.listen(ctx, s.boot.Listen)
	if err != nil {
		return fmt.Errorf("public listener: %w; -listen chooses another address", err)
	}
	ops, err := s.outside.listen(ctx, s.boot.Ops.Listen)
	if err != nil {
		return errors.Join(fmt.Errorf("ops listener: %w; -ops-listen chooses another address", err), public.Close())
	}
	asked := ctx
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	g, ctx := errgroup.WithContext(ctx) // one listener's end is the other's
	s.background = ctx
	s.stage.current.Load().run(ctx, nil)
	g.Go(func() error { return serveOn(s.public, gateway.Answers(public)) })
	g.Go(func() error { return serveOn(s.ops, ops) })
	g.Go(func() error { s.fleet.Run(ctx); return nil })
	if s.pacer != nil {
		g.Go(func() error { s.pacer.run(ctx); return nil })
	}
	g.Go(func() error {
		if s.reloads != nil {
			s.reloads(ctx)
		}
		<-ctx.Done()
		s.stage.current.Load().work.Wait() // there will be no other
		return nil
	})
	g.Go(func() error { <-ctx.Done(); return s.drain(asked.Err() != nil) })
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
// to be seen until the last request is answered. If the end was asked for, it
// goes on for a while before that: whoever sends requests here has to notice.
func (s *system) drain(asked bool) error {
	d := s.stage.current.Load().cfg.Drain
	s.stage.draining.Store(true)
	s.log.Info("draining", "delay", d.Delay.String())
	if asked {
		time.Sleep(d.Delay)
	}
	return errors.Join(s.shut(s.public, d.Timeout), s.shut(s.ops, opsLinger))
}

// shut ends a server when what is under way is done, or time is up.
func (s *system) shut(srv *http.Server, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	err := srv.Shutdown(ctx)
	if !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	s.log.Warn("what was under way is cut off", "listener", srv.Addr, "requests", s.stage.current.Load().server.Load().Requests)
	return srv.Close()
}
