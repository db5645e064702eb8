package sandbox

import (
	"errors"
	"net/http"
	"syscall"
	"testing"
)

// knock asks for a contact on a connection of its own.
func knock(t *testing.T, client *http.Client, url string) (int, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/contacts/con-9001", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer sandbox-acme-crm")
	resp, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	defer func() { _ = resp.Body.Close() }()
	return resp.StatusCode, nil
}

// While a service is down nothing listens at its address; then it is back there.
func TestDown(t *testing.T) {
	s := open(t, -1)
	door, err := s.CRM().Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(door.Close)
	if _, err := s.CRM().Listen("127.0.0.1:0"); err == nil {
		t.Error("a second address")
	}
	client := &http.Client{Transport: &http.Transport{}}
	t.Cleanup(client.CloseIdleConnections)
	up := func(when string) {
		t.Helper()
		if status, err := knock(t, client, door.URL()); status != http.StatusOK {
			t.Errorf("%s: %d, %v", when, status, err)
		}
	}
	gone := func(when string) {
		t.Helper()
		if _, err := knock(t, client, door.URL()); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("%s: %v, want connections refused", when, err)
		}
	}
	up("at first")
	set(t, s.CRM(), "", Dial{Down: true})
	gone("down")
	set(t, s.CRM(), "contacts", Dial{Hang: true})
	gone("down, with another dial set")
	s.CRM().Reset()
	up("after a reset")
	set(t, s.CRM(), "", Dial{Down: true})
	set(t, s.CRM(), "", Dial{})
	up("with the dial off")
	door.Close()
	gone("closed")
	s.CRM().Reset()
	gone("closed, after a reset")
}

// Without an address of its own a service that is down cuts connections.
func TestDownElsewhere(t *testing.T) {
	s := open(t, -1)
	set(t, s.CRM(), "", Dial{Down: true})
	if resp, _, err := fetch(t, s.CRM(), "/contacts/con-9001", false); err == nil {
		t.Errorf("answered %s", resp.Status)
	}
}
