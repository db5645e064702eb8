// Command weftbench measures what a document costs: a gateway, the programs it
// is compared with, Redis and the sources, each a process of its own, under the
// load of wrk.
//
//	weftbench                           every case; some minutes
//	weftbench -cases hot,redis          some of them
//	weftbench -out docs/benchmarks.md   into the generated part of a page
//	weftbench profile -out profiles     CPU and allocation profiles of three paths
//	weftbench scale                     what many replicas ask of Redis and the sources
//
// It needs wrk and redis-server, Linux, and no network beyond loopback. The
// other commands are what it runs as processes beside the gateway.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Getenv, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "weftbench:", err)
		os.Exit(1)
	}
}

// run carries out one command.
func run(ctx context.Context, args []string, getenv func(string) string, stdout io.Writer) error {
	if len(args) == 0 || len(args[0]) > 0 && args[0][0] == '-' {
		return runBench(ctx, args, getenv, stdout)
	}
	command, rest := args[0], args[1:]
	switch command {
	case "run":
		return runBench(ctx, rest, getenv, stdout)
	case "profile":
		return runProfile(ctx, rest, getenv, stdout)
	case "scale":
		return runScale(rest, stdout)
	case "serve-a":
		return serveBytes(ctx, rest, stdout)
	case "serve-b":
		return serveRedis(ctx, rest, stdout)
	case "serve-c":
		return serveJoin(ctx, rest, stdout)
	case "sources":
		return serveSources(ctx, rest, stdout)
	}
	return fmt.Errorf("unknown command %q; want run, profile, scale, or one of serve-a, serve-b, serve-c, sources", command)
}

// parse reads the flags of a command, which takes nothing else.
func parse(flags *flag.FlagSet, args []string, stdout io.Writer) (help bool, err error) {
	flags.SetOutput(stdout)
	err = flags.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		return true, nil
	}
	if err == nil && flags.NArg() > 0 {
		err = fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	return false, err
}
