package ops

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weft-gateway/weft/upstream/breaker"
)

// memoryBoard is a board for replicas in one test.
type memoryBoard struct {
	mu     sync.Mutex
	away   bool
	notes  map[string][]byte
	until  map[string]time.Time
	visits int
}

func (b *memoryBoard) Post(_ context.Context, name string, note []byte, ttl time.Duration) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.visits++
	if b.away {
		return errors.New("away")
	}
	if b.notes == nil {
		b.notes, b.until = map[string][]byte{}, map[string]time.Time{}
	}
	b.notes[name], b.until[name] = note, time.Now().Add(ttl)
	return nil
}

func (b *memoryBoard) Notes(context.Context) (map[string][]byte, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.visits++
	if b.away {
		return nil, errors.New("away")
	}
	maps.DeleteFunc(b.notes, func(name string, _ []byte) bool { return time.Now().After(b.until[name]) })
	return maps.Clone(b.notes), nil
}

func (b *memoryBoard) set(away bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.away = away
}

func (b *memoryBoard) visited() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.visits
}

// runFleet runs the desk's fleet until the returned function is called.
func (d *desk) runFleet(name string, board Board) (stop func()) {
	d.t.Helper()
	var err error
	d.fleet, err = NewFleet(FleetConfig{Node: name, Breakers: d.set, Events: d.set, Board: board, Version: "v0.0.0-test", Started: time.Now()})
	if err != nil {
		d.t.Fatal(err)
	}
	d.server.cfg.Fleet = d.fleet
	ctx, cancel := context.WithCancel(d.t.Context())
	var running sync.WaitGroup
	running.Go(func() { d.fleet.Run(ctx) })
	return func() { cancel(); running.Wait() }
}

// says sums up what GET /fleet answers: who is there, and what is not closed.
func (d *desk) says() string {
	d.t.Helper()
	var v fleetView
	d.get("/fleet").into(d.t, &v)
	s := fmt.Sprintf("%s: shared %t", v.Self, v.Shared)
	if v.Problem != nil {
		s += " " + *v.Problem
	}
	for _, n := range v.Nodes {
		s += fmt.Sprintf("; %s %s", n.Node, n.Status)
		for _, b := range n.Breakers {
			if b.State != breaker.Closed {
				s += fmt.Sprintf(" %s=%s", b.Name, b.State)
			}
		}
		if n.Self != (n.Node == v.Self) {
			d.t.Errorf("%s: self %t", n.Node, n.Self)
		}
	}
	return s
}

func TestFleetSeesEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b, board := newDesk(t), newDesk(t), &memoryBoard{}
		defer a.runFleet("a", board)()
		stop := b.runFleet("b", board)
		time.Sleep(time.Second)
		step := func(name string, d *desk, want string) {
			t.Helper()
			if diff := cmp.Diff(want, d.says()); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		}
		step("well", a, "a: shared true; a ready; b ready")

		b.trip("rest-contacts")
		time.Sleep(time.Second)
		step("open on the other", a, "a: shared true; a ready; b degraded rest-contacts=open")
		a.order("POST", "/breakers/rest-contacts", forced("force_open"))
		step("its own at once", a, "a: shared true; a degraded rest-contacts=forced_open; b degraded rest-contacts=open")

		board.set(true)
		time.Sleep(time.Second)
		step("the board is away", a, "a: shared false redis_unavailable; a degraded rest-contacts=forced_open")
		step("the board is away", b, "b: shared false redis_unavailable; b degraded rest-contacts=open")
		b.set.Breaker("rest-contacts").Reset("oncall", "well")
		time.Sleep(time.Minute)
		board.set(false)
		time.Sleep(3 * time.Second)
		step("back", a, "a: shared true; a degraded rest-contacts=forced_open; b ready")

		stop()
		time.Sleep(time.Second)
		step("it ends", a, "a: shared true; a degraded rest-contacts=forced_open; b draining")
		time.Sleep(noteTTL)
		step("it is gone", a, "a: shared true; a degraded rest-contacts=forced_open")
	})
}

func TestFleetAlone(t *testing.T) {
	d := newDesk(t)
	d.runFleet("alone", nil)()
	if got := d.says(); got != "alone: shared false no_redis; alone ready" {
		t.Errorf("got %s", got)
	}
}

// Neither a flood of changes nor one of readers is passed on to the board.
func TestFleetSparesTheBoard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, board := newDesk(t), &memoryBoard{}
		defer d.runFleet("a", board)()
		time.Sleep(time.Second)
		before := board.visited()
		for range 1000 {
			d.set.Breaker("rest-contacts").Reset("oncall", "x")
			d.trip("rest-contacts")
			ask(d.server, "GET", "/fleet")
			time.Sleep(time.Millisecond)
		}
		if got := board.visited() - before; got > 16 {
			t.Errorf("%d visits in a second, want 10 notes and 5 readings at most", got)
		}
		time.Sleep(time.Second)
		if got := d.says(); !strings.Contains(got, "a degraded rest-contacts=open") {
			t.Errorf("after the flood: %s", got)
		}
	})
}

func TestNotes(t *testing.T) {
	good := node{Node: "a", Status: "ready", Breakers: []nodeBreaker{{Name: "x", State: breaker.Open}}}
	tests := []struct {
		name   string
		change func(*node)
		ok     bool
	}{
		{"good", func(*node) {}, true},
		{"no breakers", func(n *node) { n.Breakers = nil }, true},
		{"another's name", func(n *node) { n.Node = "b" }, false},
		{"an unknown status", func(n *node) { n.Status = "fine" }, false},
		{"an unknown state", func(n *node) { n.Breakers[0].State = "ajar" }, false},
		{"a breaker without a name", func(n *node) { n.Breakers[0].Name = "" }, false},
		{"a long reason", func(n *node) { n.Breakers[0].Reason = strings.Repeat("x", maxText+1) }, false},
		{"many breakers", func(n *node) {
			for range maxBreakers {
				n.Breakers = append(n.Breakers, n.Breakers[0])
			}
		}, false},
	}
	for _, tt := range tests {
		n := good
		n.Breakers = append([]nodeBreaker{}, good.Breakers...)
		tt.change(&n)
		b, err := json.Marshal(n)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parseNote("a", b); (err == nil) != tt.ok {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	if _, err := parseNote("a", bytes.Repeat([]byte(" "), maxNote+1)); err == nil {
		t.Error("a note that is too long was taken")
	}
}

func FuzzNote(f *testing.F) {
	f.Add([]byte(`{"node":"a","status":"ready","breakers":[{"name":"x","state":"open","since":"2026-03-25T11:42:00Z"}]}`))
	f.Add([]byte(`{"node":"a","status":"draining","breakers":null}`))
	f.Add([]byte(`[]`))
	c, err := loadContract()
	if err != nil {
		f.Fatal(err)
	}
	schema := c.doc.Components.Schemas["Node"].Value
	f.Fuzz(func(t *testing.T, note []byte) {
		n, err := parseNote("a", note)
		if err != nil {
			return
		}
		b, err := json.Marshal(nodeView{node: n})
		if err != nil {
			return // a time outside the years that JSON has: send answers so
		}
		var v any
		if err := json.Unmarshal(b, &v); err != nil {
			t.Fatal(err)
		}
		if err := schema.VisitJSON(v); err != nil {
			t.Errorf("%s is shown as %s: %v", note, b, err)
		}
	})
}
