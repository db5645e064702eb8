package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"
)

// drive asks the gateways for a time, and meanwhile does what act says. What
// act is still busy with afterwards is waited for under load.
func (t *trial) drive(span time.Duration, change func(*load), act ...func()) *recorder {
	seen := newRecorder()
	if t.over() {
		return seen
	}
	l := &load{targets: t.warm, rate: t.pace(), trespass: .02, replicas: t.live, seed: t.seed, seen: seen}
	if len(l.targets) == 0 {
		l.targets = t.all
	}
	if change != nil {
		change(l)
	}
	ctx, stop := context.WithCancel(t.ctx)
	var busy, asking sync.WaitGroup
	for _, f := range act {
		busy.Go(f)
	}
	asking.Go(func() { l.run(ctx) })
	t.sleep(span)
	busy.Wait()
	stop()
	asking.Wait()
	t.keep(seen)
	return seen
}

// pace is how many requests a second there are unless a scenario says
// otherwise: fewer in the short form, which has to do with what others leave.
func (t *trial) pace() float64 {
	if t.full {
		return 80
	}
	return 40
}

// keep remembers what was seen, and holds it to what is always so.
func (t *trial) keep(seen *recorder) {
	text := seen.text()
	t.mu.Lock()
	t.seen = append(t.seen, text)
	t.mu.Unlock()
	t.truthful(seen)
}

// truthful holds every answer to what is always so.
func (t *trial) truthful(seen *recorder) {
	seen.mu.Lock()
	foreign, untrue := slices.Clone(seen.foreign), slices.Clone(seen.untrue)
	seen.mu.Unlock()
	if len(foreign) > 0 {
		t.holds(false, "%d answers with another tenant's: %s", len(foreign), foreign[0])
	}
	if len(untrue) > 0 {
		t.holds(false, "%d answers that are not true: %s", len(untrue), untrue[0])
	}
}

// sleep waits, or for the end of the run.
func (t *trial) sleep(d time.Duration) {
	if t.over() {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-t.ctx.Done():
		t.must(t.ctx.Err())
	}
}

// until waits for what comes by itself, and returns how long that took.
func (t *trial) until(what string, bound time.Duration, is func() bool) time.Duration {
	began := time.Now()
	for !t.over() {
		if is() {
			return time.Since(began)
		}
		if time.Since(began) > bound {
			t.holds(false, "%s: not within %s", what, bound)
			return time.Since(began)
		}
		t.sleep(20 * time.Millisecond)
	}
	return 0
}

// ask asks one gateway for one conversation.
func (t *trial) ask(from *replica, of target, query string) (reply, document) {
	var d document
	if t.over() {
		return reply{}, d
	}
	client := caller()
	defer client.CloseIdleConnections()
	r := request{target: of, query: query, meant: time.Now()}
	got := r.send(client, from)
	seen := newRecorder()
	seen.add(r, got)
	t.truthful(seen)
	_ = decode(got.body, &d) // an answer that is none has no fields
	return got, d
}

// warmUp asks every gateway for these conversations until it shows all their parts.
func (t *trial) warmUp(of []target) {
	for _, r := range t.live() {
		t.warmOne(r, of)
	}
	t.warm = of
}

func (t *trial) warmOne(r *replica, of []target) {
	seen := newRecorder()
	defer t.keep(seen)
	client := caller()
	defer client.CloseIdleConnections()
	places := make(chan struct{}, 8)
	var asked sync.WaitGroup
	defer asked.Wait()
	for _, target := range of {
		places <- struct{}{}
		asked.Go(func() {
			defer func() { <-places }()
			var last reply
			for range 100 {
				if t.over() {
					return
				}
				ask := request{target: target, meant: time.Now()}
				var d document
				last = ask.send(client, r)
				if _ = decode(last.body, &d); last.status == http.StatusOK && d.whole() {
					seen.add(ask, last)
					return
				}
				t.sleep(50 * time.Millisecond)
			}
			_, said, _ := bytes.Cut(last.body, []byte(`"enrichment":`))
			t.must(fmt.Errorf("%s does not get warm: %s: %s %s", r.name, target.id, last.outcome(), said))
		})
	}
}
