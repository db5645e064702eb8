package main

import (
	"context"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// The explorer renders in a real browser, from this listener alone.
func TestDocsInABrowser(t *testing.T) {
	in := install(t, options{})
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	// The flags keep the browser from calling its maker.
	cmd := exec.CommandContext(ctx, "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--user-data-dir="+t.TempDir(),
		"--virtual-time-budget=10000", "--dump-dom", in.public+"/docs")
	dom, err := cmd.Output()
	if err != nil {
		t.Fatalf("this test needs chromium, which make test installs: %v", err)
	}
	for _, want := range []string{"operations-conversations-getConversation", "operations-conversations-listConversations"} {
		if !strings.Contains(string(dom), want) {
			t.Errorf("%s is not on the page", want)
		}
	}
}
