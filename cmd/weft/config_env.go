package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
)

// maxSecret bounds a file that a NAME_FILE variable names, in bytes.
const maxSecret = 64 << 10

// environment reads variables. One that is empty counts as not set.
type environment func(name string) string

// lookup returns the value of NAME or, where that is not set, what the file
// holds that NAME_FILE names, without the line breaks at its end.
func (e environment) lookup(name string) (value string, found bool, err error) {
	if value = e(name); value != "" {
		return value, true, nil
	}
	path := e(name + "_FILE")
	if path == "" {
		return "", false, nil
	}
	value, err = readSecret(path)
	if err != nil {
		return "", true, fmt.Errorf("cannot read the file that %s_FILE names: %w", name, err)
	}
	return value, true, nil
}

// expand replaces each ${NAME} by the variable's value, which is not searched
// again. $${ stands for ${ itself.
func (e environment) expand(text string) (string, error) {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(text, "${")
		if literal, escaped := strings.CutSuffix(before, "$"); found && escaped {
			b.WriteString(literal + "${")
			text = after
			continue
		}
		b.WriteString(before)
		if !found {
			return b.String(), nil
		}
		name, rest, closed := strings.Cut(after, "}")
		if !closed || !isVariable(name) {
			return "", errors.New("${ is not followed by a variable's name and }; write $${ for the characters themselves")
		}
		value, found, err := e.lookup(name)
		if err == nil && !found {
			err = fmt.Errorf("the variable %s is not set, and neither is %[1]s_FILE", name)
		}
		if err != nil {
			return "", err
		}
		b.WriteString(value)
		text = rest
	}
}

// readSecret reads a small file. Its error does not repeat the path: the
// secret itself is easily given in its place.
func readSecret(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", withoutPath(err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	if err != nil {
		return "", withoutPath(err)
	}
	if len(data) > maxSecret {
		return "", errors.New("larger than 64 KiB")
	}
	return strings.TrimRight(string(data), "\r\n"), nil
}

func withoutPath(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}

func isVariable(name string) bool {
	return name != "" && !isDigit(rune(name[0])) && !strings.ContainsFunc(name, func(c rune) bool {
		return !isLetter(c) && !isDigit(c) && c != '_'
	})
}
