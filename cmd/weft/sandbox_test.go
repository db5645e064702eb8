package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/weft-gateway/weft/upstream/sandbox"
)

// With -apart each service has a port of its own, which the dial down closes.
func TestSandboxApart(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	read, write := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := run(ctx, []string{"sandbox", "-listen", "127.0.0.1:0", "-apart", "-log-level", "error"}, func(string) string { return "" }, write)
		_ = write.CloseWithError(err)
		ended <- err
	}()
	var said strings.Builder
	for lines := bufio.NewScanner(read); lines.Scan(); {
		said.WriteString(lines.Text() + "\n")
		if strings.HasPrefix(lines.Text(), "dials: ") {
			break
		}
	}
	box := regexp.MustCompile(`sandbox on (\S+)`).FindStringSubmatch(said.String())
	crm := regexp.MustCompile(`crm: {kind: rest, url: "([^"]+)"`).FindStringSubmatch(said.String())
	if box == nil || crm == nil || strings.HasPrefix(crm[1], box[1]) {
		t.Fatalf("the CRM has no port of its own:\n%s", said.String())
	}
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	ask := func(method, url, body string) error {
		req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(req)
		if err == nil {
			resp.Body.Close()
		}
		return err
	}
	if err := ask(http.MethodGet, crm[1]+"/contacts/x", ""); err != nil {
		t.Errorf("up: %v", err)
	}
	if err := ask(http.MethodPost, box[1]+"/dials", `{"service":"crm","down":true}`); err != nil {
		t.Error(err)
	}
	if err := ask(http.MethodGet, crm[1]+"/contacts/x", ""); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("down: %v, want connections refused", err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("ended with %v", err)
	}
}

func TestSandboxHelpNamesTheDials(t *testing.T) {
	var said strings.Builder
	if err := run(t.Context(), []string{"sandbox", "-h"}, func(string) string { return "" }, &said); err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"-apart", "/dials", "jitterMs", "gzip_bomb", "docs/sandbox.md"} {
		if !strings.Contains(said.String(), word) {
			t.Errorf("the help lacks %s", word)
		}
	}
}

// Second tries are counted.
func TestRetriesAreCounted(t *testing.T) {
	in := install(t, options{})
	in.dial(t, in.box.CRM(), "", sandbox.Dial{ErrorRate: 1, Status: 503})
	in.document(t, keyGlobex, sandbox.ExampleNative)
	calls := in.box.CRM().Calls("")
	if got := in.metric(t, `weft_upstream_retries_total{outcome="made",upstream="rest"}`); got == 0 || calls != 2*int(got) {
		t.Errorf("%v retries, %d calls; want one for each call", got, calls)
	}
}
