package main

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"
)

// keyBytes is how much chance is in a key.
const keyBytes = 32

// runKey makes an API key and prints it, once, with the line that makes it known.
func runKey(args []string, stdout io.Writer) error {
	flags := flag.NewFlagSet("weft key", flag.ContinueOnError)
	id := flags.String("id", "", "the key's `name` in the configuration and the log; made up when empty")
	scopes := flags.String("scopes", "conversations:read", "`scopes` with commas between; empty for a key of the ops listener")
	expires := flags.String("expires", "", "`date` or time from which on the key is refused; empty: never")
	if help, err := parseFlags(flags, args, stdout); help || err != nil {
		return err
	}
	secret, hash := newKey()
	k := Key{ID: *id, SHA256: hash}
	if k.ID == "" {
		k.ID = "key-" + hash[:8]
	}
	if !isIdentifier(k.ID) {
		return &usageError{errors.New("weft key: -id: want 1 to 64 letters, digits, _ or -")}
	}
	if *scopes != "" {
		k.Scopes = strings.Split(*scopes, ",")
	}
	for i, s := range k.Scopes {
		if err := scope(&k.Scopes[i])(strings.TrimSpace(s)); err != nil {
			return &usageError{fmt.Errorf("weft key: -scopes: %w", err)}
		}
	}
	if *expires != "" {
		if err := instant(&k.Expires)(*expires); err != nil {
			return &usageError{fmt.Errorf("weft key: -expires: %w", err)}
		}
		if len(k.Scopes) == 0 {
			return &usageError{errors.New("weft key: -expires: a key of the ops listener does not expire")}
		}
	}
	return printKey(stdout, secret, k)
}

// newKey returns a key and its SHA-256 in hex.
func newKey() (secret, hash string) {
	b := make([]byte, keyBytes)
	rand.Read(b) // never fails
	secret = "weft_" + base64.RawURLEncoding.EncodeToString(b)
	sum := sha256.Sum256([]byte(secret))
	return secret, hex.EncodeToString(sum[:])
}

func printKey(w io.Writer, secret string, k Key) error {
	list, scopes := "ops.keys", ""
	if len(k.Scopes) > 0 {
		list, scopes = "the tenant's keys", ", scopes: ["+strings.Join(k.Scopes, ", ")+"]"
	}
	if !k.Expires.IsZero() {
		scopes += ", expires: " + k.Expires.Format(time.RFC3339)
	}
	_, err := fmt.Fprintf(w, "%s\n\nKeep it: it is not shown again. In the configuration, under %s:\n\n  - {id: %q, sha256: %q%s}\n",
		secret, list, k.ID, k.SHA256, scopes)
	return err
}
