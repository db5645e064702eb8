package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
)

// defaultFile is the configuration that is read when none is named.
const defaultFile = "weft.yaml"

// runCheck reads the configuration and prints how it was understood, or, with
// -connect, what its sources say.
func runCheck(ctx context.Context, args []string, getenv func(string) string, stdout io.Writer) error {
	flags := flag.NewFlagSet("weft check", flag.ContinueOnError)
	file := flags.String("config", defaultFile, "configuration `file`")
	connect := flags.Bool("connect", false, "ask each source one question, and print what it said in the place of the configuration")
	if help, err := parseFlags(flags, args, stdout); help || err != nil {
		return err
	}
	c, err := loadConfig(*file, getenv)
	if err != nil {
		return err
	}
	if _, err := readTraces(getenv); err != nil {
		return err
	}
	if *connect {
		return checkSources(ctx, network(), c, stdout)
	}
	if err := c.dump(stdout); err != nil {
		return err
	}
	fmt.Fprintln(stdout, c.restarts())
	return nil
}

// parseFlags parses a command's flags, which take no further arguments. It
// reports true when help was asked for, and given on stdout.
func parseFlags(flags *flag.FlagSet, args []string, stdout io.Writer) (help bool, err error) {
	flags.SetOutput(io.Discard)
	err = flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprintf(stdout, "usage: %s [flags]\n", flags.Name())
		flags.SetOutput(stdout)
		flags.PrintDefaults()
		return true, nil
	case err != nil:
		return false, &usageError{fmt.Errorf("%s: %w", flags.Name(), err)}
	case flags.NArg() > 0:
		return false, &usageError{fmt.Errorf("%s: takes flags only", flags.Name())}
	}
	return false, nil
}
