package main

import (
	"io"
	"net/http"
	"net/http/httputil"
	"regexp"
	"strings"
	"testing"
)

// The demo's printed commands do what is said of them.
func TestDemo(t *testing.T) {
	r := start(t, "demo", "-listen", "127.0.0.1:0", "-ops-listen", "127.0.0.1:0", "-sandbox-listen", "127.0.0.1:0")
	var text strings.Builder
	for !strings.Contains(text.String(), "DELETE") {
		line, err := r.out.ReadString('\n')
		text.WriteString(line)
		if err != nil {
			t.Fatalf("%v\n%s", err, text.String())
		}
	}
	command := regexp.MustCompile(`curl -s -H 'Authorization: (Bearer \S+)' '?(http://[^' \n]+)'?`)
	found := command.FindAllStringSubmatch(text.String(), -1)
	if len(found) != 3 {
		t.Fatalf("%d commands with a key in:\n%s", len(found), text.String())
	}
	for _, m := range found {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, m[2], nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", m[1])
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusOK || !strings.Contains(string(body), `"complete":true`) {
			head, _ := httputil.DumpResponse(resp, false)
			t.Errorf("%s: %v\n%s%s", m[2], err, head, body)
		}
	}
	for _, page := range regexp.MustCompile(`http://\S+/(?:docs|console|breakers|metrics|dials|calls)`).FindAllString(text.String(), -1) {
		resp, err := http.Get(page)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Errorf("%s: %s", page, resp.Status)
		}
	}
	resp, err := http.Get(strings.Replace(regexp.MustCompile(`http://\S+/breakers`).FindString(text.String()), "/breakers", "/log-level", 1))
	if err != nil {
		t.Fatal(err)
	}
	said, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if want := `{"level":"warn","configured":"warn","forced":null}`; err != nil || string(said) != want {
		t.Errorf("the log's level: %s, %v; want %s", said, err, want)
	}
	if err := r.stop(); err != nil {
		t.Errorf("stop: %v", err)
	}
}
