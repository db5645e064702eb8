package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/alicebob/miniredis/v2"

	"github.com/weft-gateway/weft/upstream/sandbox"
)

// The demo's keys are known to everybody: it listens on loopback, and nothing
// behind it is real.
const (
	demoKeyAcme   = "weft_demo_acme"
	demoKeyGlobex = "weft_demo_globex"
	demoKeyOps    = "weft_demo_ops" // of the ops listener
)

// runDemo runs the gateway over a sandbox and an in-process Redis. Beside
// where its upstreams are, nothing about the gateway is different from serve.
func runDemo(ctx context.Context, args []string, getenv func(string) string, stdout io.Writer) error {
	flags := flag.NewFlagSet("weft demo", flag.ContinueOnError)
	listen := flags.String("listen", "127.0.0.1:8080", "public `address`")
	opsListen := flags.String("ops-listen", "127.0.0.1:9090", "ops `address`")
	sandboxListen := flags.String("sandbox-listen", sandboxAddress, "`address` of the sandbox")
	level := logLevel(flags, slog.LevelWarn) // the demo's terminal is for its reader
	if help, err := parseFlags(flags, args, stdout); help || err != nil {
		return err
	}
	verbosity := &verbosity{configured: new(slog.LevelVar)}
	verbosity.configured.Set(*level)
	log := newLogger(verbosity)
	box, err := startSandbox(ctx, "sandbox-listen", *sandboxListen, sandbox.Config{Logger: log})
	if err != nil {
		return err
	}
	store := miniredis.NewMiniRedis()
	store.ClockTTL(true) // else nothing would ever expire
	if err := store.Start(); err != nil {
		return errors.Join(err, box.stop())
	}
	defer store.Close()
	file := demoConfig(box, store.Addr(), *listen, *opsListen) + "log: {level: " + strings.ToLower(level.String()) + "}\n"
	err = serveDemo(ctx, file, getenv, log, verbosity, func(public, ops string) {
		introduce(stdout, "http://"+public, "http://"+ops, box.url)
	})
	return errors.Join(err, box.stop())
}

func serveDemo(ctx context.Context, file string, getenv func(string) string, log *slog.Logger, level *verbosity, ready func(public, ops string)) error {
	cfg, err := parseConfig("demo", []byte(file), func(string) string { return "" })
	if err != nil {
		return err
	}
	traces, err := newTraces(getenv, log)
	if err != nil {
		return err
	}
	sys, err := buildWith(cfg, log, level, traces)
	if err != nil {
		return err
	}
	defer sys.close()
	return sys.serve(ctx, ready)
}

// demoConfig writes the configuration file that the demo runs on.
func demoConfig(box *runningSandbox, redis, listen, ops string) string {
	var b strings.Builder
	digest := func(key string) string { sum := sha256.Sum256([]byte(key)); return hex.EncodeToString(sum[:]) }
	fmt.Fprintf(&b, "listen: %q\nops: {listen: %q, keys: [{id: demo, sha256: %s}]}\nredis: {url: \"redis://%s/0\"}\n",
		listen, ops, digest(demoKeyOps), redis)
	b.WriteString("drain: {delay: 0s}\n") // nobody sends requests here but its reader
	// Copies are due soon, so that a CRM that is broken by hand is noticed.
	b.WriteString("cache: {contact: {fresh: 3s, revalidate: 0}, account: {fresh: 3s, revalidate: 0}, link: {fresh: 3s, revalidate: 0}}\ntenants:\n")
	keys := map[string]string{sandbox.Acme: demoKeyAcme, sandbox.Globex: demoKeyGlobex}
	for _, t := range box.Tenants() {
		b.WriteString(sandboxTenant(box, t))
		fmt.Fprintf(&b, "    keys: [{id: demo, sha256: %s, scopes: [conversations:read]}]\n", digest(keys[t.ID]))
	}
	return b.String()
}

// introduce says what runs where, and what to try first.
func introduce(w io.Writer, public, ops, box string) {
	fmt.Fprintf(w, `Weft is running on sandbox data. Press Ctrl-C to stop.

  gateway  %[1]s   API explorer: %[1]s/docs
  ops      %[2]s   console: %[2]s/console   breakers: %[2]s/breakers   metrics: %[2]s/metrics
  sandbox  %[3]s   dials: %[3]s/dials   calls: %[3]s/calls

A conversation with its messages, contact and account:

  curl -s -H 'Authorization: Bearer %[4]s' %[1]s/api/conversations/%[6]s

A page of another tenant's conversations, from another kind of store:

  curl -s -H 'Authorization: Bearer %[5]s' '%[1]s/api/conversations?status=active&per_page=3'

One of them in full:

  curl -s -H 'Authorization: Bearer %[5]s' %[1]s/api/conversations/c1a2b3c4-5678-9abc-def0-1234567890ab

Break the CRM, and run the first command every few seconds. It shows contact and account as stale, and
after some twenty seconds with the reason breaker_open; watch %[2]s/console, where the key
%[7]s lets you force and reset breakers:

  curl -s -X POST %[3]s/dials -d '{"service": "crm", "errorRate": 1, "status": 500}'

Mend it. The breakers try the CRM by themselves, and close within some seconds:

  curl -s -X DELETE %[3]s/dials
`, public, ops, box, demoKeyAcme, demoKeyGlobex, sandbox.ExampleAPI, demoKeyOps)
}
