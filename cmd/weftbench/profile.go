package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// runProfile writes a CPU, an allocation and a heap profile of a gateway on each
// of some paths.
func runProfile(ctx context.Context, args []string, getenv func(string) string, stdout io.Writer) error {
	flags := flag.NewFlagSet("weftbench profile", flag.ContinueOnError)
	var o options
	dir := flags.String("out", "profiles", "`folder` for the profiles")
	flags.DurationVar(&o.duration, "duration", 10*time.Second, "`time` of each, whole seconds")
	only := flags.String("paths", "", "`names` of the paths, with commas between; none: all")
	flags.IntVar(&o.conns, "connections", 16, "`number` of connections")
	flags.StringVar(&o.weft, "weft", getenv("WEFT"), "`program` to measure; none: it is built")
	if help, err := parse(flags, args, stdout); help || err != nil {
		return err
	}
	if o.duration < time.Second || o.conns < 1 {
		return errors.New("-duration and -connections: want at least 1s and 1")
	}
	if err := os.MkdirAll(*dir, 0o750); err != nil {
		return fmt.Errorf("-out: %w", err)
	}
	w, err := newWorld(ctx, o.weft, runtime.NumCPU())
	if err != nil {
		return err
	}
	defer w.close()
	for _, p := range paths(o) {
		if *only != "" && !slices.Contains(strings.Split(*only, ","), p.name) {
			continue
		}
		err := w.profilePath(ctx, p, *dir, o.duration)
		w.stop()
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		fmt.Fprintf(stdout, "go tool pprof -top %[1]s/%[2]s.cpu.prof; go tool pprof -top -sample_index=alloc_space %[1]s/%[2]s.allocs.prof\n", *dir, p.name)
	}
	return nil
}

// path is a way that a document can take through a gateway.
type path struct {
	name, config string
	warm         int // documents that are asked for before
	next         func(int) load
}

func paths(o options) []path {
	return []path{
		{"hot", keeping, 1, cycling(o, 1)},
		{"redis", onlyRedis, redisDocuments, cycling(o, redisDocuments)},
		{"cold", "", 1, renewing(o)},
		{"list", "", 1, func(round int) load {
			l := pages(o)(round)
			l.connections = o.conns
			return l
		}},
		{"memory", roomy, memoryDocuments, cycling(o, memoryDocuments)},
	}
}

func (w *world) profilePath(ctx context.Context, p path, dir string, d time.Duration) error {
	_, gateway, _, err := w.behindRedis(ctx, 0, 0, p.config)
	if err != nil {
		return err
	}
	if err := gateway.warm(ctx, p.warm); err != nil {
		return err
	}
	save := func(url, file string) error {
		body, err := fetch(ctx, gateway.client, gateway.ops+url)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(dir, p.name+file), body, 0o600)
	}
	var g errgroup.Group
	g.Go(func() error {
		return save(fmt.Sprintf("/debug/pprof/profile?seconds=%d", int(d.Seconds())), ".cpu.prof")
	})
	g.Go(func() error {
		_, err := p.next(0).run(ctx, w.script, gateway.public, gatewayKey)
		return err
	})
	if err := g.Wait(); err != nil {
		return err
	}
	if err := save("/debug/pprof/allocs", ".allocs.prof"); err != nil { // since the start, of which the load is nearly all
		return err
	}
	return save("/debug/pprof/heap?gc=1", ".heap.prof")
}
