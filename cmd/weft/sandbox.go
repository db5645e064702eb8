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
	"strings"
	"time"

	"github.com/weft-gateway/weft/upstream/sandbox"
)

const sandboxAddress = "127.0.0.1:9101"

const dialsHelp = `
Dials make a service slow, wrong or gone while it runs:

  curl -s ADDR/dials                    those that are set, and what there is to set them on
  curl -s ADDR/dials -d '{"service": "crm", "op": "contacts", "latencyMs": 700, "jitterMs": 200}'
  curl -s -X DELETE ADDR/dials          all off
  curl -s 'ADDR/calls?keys'             what each service was asked, and how often

  where    service autocalls, native or crm; op one of its operations; tenant an id; rate a share of the calls
  time     latencyMs, jitterMs, hang
  gone     refuse, rst, down
  errors   errorRate with status, retryAfter, retryDate and location; deny 401 or 403
  body     html, truncated, reset, huge, gzip_bomb, wrong_record, other_tenant, duplicate_keys, deep, empty, drip

docs/sandbox.md explains them.
`

// runSandbox serves the sandbox alone, for a gateway that runs elsewhere.
func runSandbox(ctx context.Context, args []string, stdout io.Writer) error {
	flags := flag.NewFlagSet("weft sandbox", flag.ContinueOnError)
	listen := flags.String("listen", sandboxAddress, "`address`")
	conversations := flags.Int("conversations", 0, "`number` of conversations generated for each tenant; 0: some hundreds")
	apart := flags.Bool("apart", false, "serve each service at a port of its own too, which the dial down closes")
	level := logLevel(flags, slog.LevelInfo)
	if help, err := parseFlags(flags, args, stdout); help || err != nil {
		if help {
			_, err = io.WriteString(stdout, dialsHelp)
		}
		return err
	}
	box, err := startSandbox(ctx, "listen", *listen, sandbox.Config{Conversations: *conversations, Logger: newLogger(*level)})
	if err != nil {
		return err
	}
	if *apart {
		if err := box.moveApart(); err != nil {
			return errors.Join(err, box.stop())
		}
	}
	fmt.Fprintf(stdout, "weft: sandbox on %s\n\nFor a configuration, under tenants; weft key makes a key:\n\n", box.url)
	for _, t := range box.Tenants() {
		fmt.Fprintf(stdout, "%s", sandboxTenant(box, t))
	}
	fmt.Fprintf(stdout, "\ndials: curl -s %[1]s/dials   calls: curl -s %[1]s/calls\n", box.url)
	<-ctx.Done()
	return box.stop()
}

// sandboxTenant is the entry of a configuration for one of the sandbox's
// tenants, but for its keys.
func sandboxTenant(box *runningSandbox, t sandbox.Tenant) string {
	var b strings.Builder
	fmt.Fprintf(&b, "  - id: %s\n    name: %s\n", t.ID, t.Name)
	fmt.Fprintf(&b, "    store: {kind: %s, url: %q, token: %s}\n", t.Store, box.root(t.Store), t.StoreToken)
	fmt.Fprintf(&b, "    crm: {kind: rest, url: %q, token: %s, contact_custom: {plan: custom.plan, score: custom.score}, account_custom: {tier: custom.tier}}\n", box.root("crm"), t.CRMToken)
	if t.Store == "autocalls" {
		b.WriteString("    link: [external_identifier, variables.crm_contact_id, {variables.email: email}, customer.phone]\n")
	}
	return b.String()
}

// runningSandbox is a sandbox and the server in front of it.
type runningSandbox struct {
	*sandbox.Sandbox
	url    string
	doors  map[string]*sandbox.Door // service -> where it is alone; nil: nowhere
	server *http.Server
	failed chan error
}

// root is the URL of a service.
func (b *runningSandbox) root(service string) string {
	if d := b.doors[service]; d != nil {
		return d.URL()
	}
	return b.url + "/" + service
}

// moveApart gives each service a port of its own.
func (b *runningSandbox) moveApart() error {
	b.doors = make(map[string]*sandbox.Door)
	for name, svc := range map[string]*sandbox.Service{"autocalls": b.Autocalls(), "native": b.Native(), "crm": b.CRM()} {
		d, err := svc.Listen("127.0.0.1:0")
		if err != nil {
			return err
		}
		b.doors[name] = d
	}
	return nil
}

func startSandbox(ctx context.Context, flag, address string, cfg sandbox.Config) (*runningSandbox, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("sandbox listener: %w; -%s chooses another address", err, flag)
	}
	box := &runningSandbox{Sandbox: sandbox.New(cfg), url: "http://" + l.Addr().String(), failed: make(chan error, 1)}
	box.server = &http.Server{
		Handler: box.Handler(), ReadHeaderTimeout: 5 * time.Second,
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError), // it refuses and cuts answers on purpose
	}
	go func() { box.failed <- box.server.Serve(l) }()
	return box, nil
}

// stop ends every wait in the sandbox, and then its server.
func (b *runningSandbox) stop() error {
	b.Close()
	for _, d := range b.doors {
		d.Close()
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	err := b.server.Shutdown(ctx)
	if served := <-b.failed; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}
