// Command weftchaos breaks things around real processes - gateways, a Redis,
// the sandbox, and the network between them - and measures what callers notice.
//
//	weftchaos                        every fault at full length
//	weftchaos -short                 every fault, some seconds each
//	weftchaos -run 20                faults whose row or name matches
//	weftchaos -out docs/reliability.md
//	weftchaos -soak 30m -seed 7      faults at random for a time
//
// It needs a redis-server, and neither root nor a network beyond loopback.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Getenv, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "weftchaos:", err)
		os.Exit(1)
	}
}

// options are the command line.
type options struct {
	pattern     *regexp.Regexp
	short, list bool
	out, weft   string
	soak        time.Duration
	seed        uint64
}

func parse(args []string, getenv func(string) string, stdout io.Writer) (o options, help bool, err error) {
	flags := flag.NewFlagSet("weftchaos", flag.ContinueOnError)
	flags.SetOutput(stdout)
	pattern := flags.String("run", "", "only rows and names that match this `expression`")
	flags.BoolVar(&o.short, "short", false, "some seconds for each fault, as in the tests")
	flags.BoolVar(&o.list, "list", false, "say what there is, and run nothing")
	flags.StringVar(&o.out, "out", "", "page whose `file` takes the table of results")
	flags.StringVar(&o.weft, "weft", getenv("WEFT"), "`program` to break; none: it is built")
	flags.DurationVar(&o.soak, "soak", 0, "mix faults at random for this `time`")
	flags.Uint64Var(&o.seed, "seed", 0, "`number` that all that is random comes from; 0: another one each time")
	err = flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return o, true, nil
	case err == nil && flags.NArg() > 0:
		err = fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case err == nil && o.soak < 0:
		err = errors.New("-soak: a negative time")
	case err == nil && o.out != "" && *pattern != "":
		err = errors.New("-out: the table has all faults or none; not with -run")
	}
	if err != nil {
		return o, false, err
	}
	if o.seed == 0 {
		o.seed = rand.Uint64N(1e9) + 1 //nolint:gosec // it is printed
	}
	o.pattern, err = regexp.Compile(*pattern)
	return o, false, err
}

// run carries out the command line.
func run(ctx context.Context, args []string, getenv func(string) string, stdout io.Writer) error {
	o, help, err := parse(args, getenv, stdout)
	if help || err != nil {
		return err
	}
	if o.list {
		for _, s := range scenarios() {
			fmt.Fprintf(stdout, "%-6s %-28s %s\n", s.row, s.name, s.fault)
		}
		return nil
	}
	builds := &builder{given: o.weft}
	defer builds.close()
	if o.soak > 0 {
		return soak(ctx, builds, o, stdout)
	}
	return runAll(ctx, builds, o, stdout)
}

// runAll runs the scenarios one after the other.
func runAll(ctx context.Context, builds *builder, o options, stdout io.Writer) error {
	fmt.Fprintf(stdout, "seed %d\n", o.seed)
	var verdicts []verdict
	failed := 0
	for _, s := range scenarios() {
		if !o.pattern.MatchString(s.row) && !o.pattern.MatchString(s.name) {
			continue
		}
		weft, err := builds.program(ctx, s.setup.race && !o.short)
		if err != nil {
			return err
		}
		v := s.try(ctx, weft, !o.short, o.seed)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		verdicts = append(verdicts, v)
		if !v.passed() {
			failed++
			fmt.Fprintln(stdout, v.detail)
		}
		fmt.Fprintln(stdout, v.report())
	}
	if o.out != "" {
		if err := publish(o.out, verdicts, o); err != nil {
			return err
		}
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d missed their pass line", failed, len(verdicts))
	}
	return nil
}

// builder builds the gateway when it is first needed.
type builder struct {
	given string // a program that is there; "": none
	dir   string
	built map[bool]string // with the race detector or without -> program
}

func (b *builder) program(ctx context.Context, race bool) (string, error) {
	if b.given != "" {
		return filepath.Abs(b.given)
	}
	if p := b.built[race]; p != "" {
		return p, nil
	}
	if b.dir == "" {
		dir, err := os.MkdirTemp("", "weftchaos")
		if err != nil {
			return "", fmt.Errorf("build: %w", err)
		}
		b.dir, b.built = dir, map[bool]string{}
	}
	program := filepath.Join(b.dir, fmt.Sprintf("weft-race-%v", race))
	if err := build(ctx, program, "weft", race); err != nil {
		return "", err
	}
	b.built[race] = program
	return program, nil
}

// build builds one of our programs.
func build(ctx context.Context, to, name string, race bool) error {
	args := []string{"build", "-o", to, fmt.Sprintf("-race=%v", race), "github.com/weft-gateway/weft/cmd/" + name}
	if out, err := exec.CommandContext(ctx, "go", args...).CombinedOutput(); err != nil { //nolint:gosec // of constants
		return fmt.Errorf("build %s: %w\n%s", name, err, out)
	}
	return nil
}

func (b *builder) close() {
	if b.dir != "" {
		_ = os.RemoveAll(b.dir)
	}
}
