// Command weft is the gateway: it weaves CRM records into conversation threads.
//
//	weft serve    run the gateway from a configuration file
//	weft demo     run it with a sandbox of stores and a CRM behind it; needs nothing
//	weft sandbox  run the sandbox alone
//	weft check    read a configuration file and print what was understood
//	weft key      make an API key
//	weft version  print the version
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	if err := run(ctx, os.Args[1:], os.Getenv, os.Stdout); err != nil {
		code := exitCode(err)
		if code == 1 {
			fmt.Fprint(os.Stderr, "weft: ")
		}
		fmt.Fprintln(os.Stderr, err) // usage and configuration speak for themselves, a line each
		os.Exit(code)
	}
}

const usage = `usage: weft <command> [flags]

  serve     run the gateway             -config weft.yaml -listen ADDR -ops-listen ADDR
  demo      run it with a sandbox       -listen ADDR -ops-listen ADDR -sandbox-listen ADDR
  sandbox   run the sandbox alone       -listen ADDR -apart
  check     read a configuration file   -config weft.yaml -connect
  key       make an API key             -id NAME -scopes LIST
  version   print the version

Every command explains its flags with -h.
`

// run carries out one command. It is what main does and what the end-to-end
// tests call.
func run(ctx context.Context, args []string, getenv func(string) string, stdout io.Writer) error {
	if len(args) == 0 {
		return &usageError{fmt.Errorf("no command\n\n%s", usage)}
	}
	command, rest := args[0], args[1:]
	switch command {
	case "serve":
		return runServe(ctx, rest, getenv, stdout)
	case "demo":
		return runDemo(ctx, rest, getenv, stdout)
	case "sandbox":
		return runSandbox(ctx, rest, stdout)
	case "check":
		return runCheck(ctx, rest, getenv, stdout)
	case "key":
		return runKey(rest, stdout)
	case "version":
		return runVersion(stdout)
	case "help", "-h", "-help", "--help":
		_, err := io.WriteString(stdout, usage)
		return err
	}
	return &usageError{fmt.Errorf("unknown command %q\n\n%s", command, usage)}
}

// exitCode is 2 for what the caller has to mend, the command line or the
// configuration, and 1 for everything else.
func exitCode(err error) int {
	_, command := errors.AsType[*usageError](err)
	_, file := errors.AsType[*configError](err)
	if command || file {
		return 2
	}
	return 1
}
