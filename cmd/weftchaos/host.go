package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// occupy opens connections to the gateway and says nothing.
func (t *trial) occupy(n int) []net.Conn {
	var list []net.Conn
	for range n {
		c, err := net.DialTimeout("tcp", strings.TrimPrefix(t.replica(0).public, "http://"), 10*time.Second)
		if err != nil {
			break // that it takes no more is the fault
		}
		list = append(list, c)
	}
	return list
}

// dawdle opens connections that never finish their headers, and returns how
// long the gateway bears with the last of them.
func (t *trial) dawdle(n int) time.Duration {
	conns := t.occupy(n)
	began := time.Now()
	t.least("slow connections", float64(len(conns)), float64(n))
	var closed sync.WaitGroup
	for _, c := range conns {
		closed.Go(func() {
			defer c.Close()
			_ = c.SetDeadline(began.Add(40 * time.Second)) // else it would be seen as never closed
			if _, err := io.WriteString(c, "GET /api/conversations HTTP/1.1\r\nHost: weft\r\nX-Slow: "); err != nil {
				return
			}
			go func() {
				for {
					time.Sleep(time.Second)
					if _, err := io.WriteString(c, "x"); err != nil {
						return
					}
				}
			}()
			_, _ = io.Copy(io.Discard, c) // until it is closed
		})
	}
	closed.Wait()
	return time.Since(began)
}

// bigHeader sends a header of a megabyte, and returns the status of the answer.
func (t *trial) bigHeader() int {
	ctx, cancel := context.WithTimeout(t.ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, t.replica(0).public+"/livez", nil)
	if err != nil {
		t.must(err)
		return 0
	}
	req.Header.Set("X-Big", strings.Repeat("x", 1<<20))
	resp, err := control().Do(req)
	if err != nil {
		return 431 // it hung up while we were still sending, which is as good
	}
	defer resp.Body.Close()
	t.holds(resp.StatusCode == http.StatusRequestHeaderFieldsTooLarge, "a header of 1 MB is answered %d", resp.StatusCode)
	return resp.StatusCode
}

// everyGlobex lists all conversations of the native store.
func (t *trial) everyGlobex(ctx context.Context) (all []target, err error) {
	var token, tenant string
	for _, one := range tenants() {
		if one.Store == "native" {
			token, tenant = one.StoreToken, one.ID
		}
	}
	for cursor := ""; ; {
		text, err := fetch(ctx, http.MethodGet, t.boxURL+"/native/conversations?per_page=100"+cursor, token, nil)
		if err != nil {
			return nil, fmt.Errorf("native: %w", err)
		}
		var page struct {
			Data       []row
			NextCursor *string
		}
		if err := decode(text, &page); err != nil {
			return nil, err
		}
		for _, r := range page.Data {
			if r.linked() {
				all = append(all, target{key: keyOf(tenant), tenant: tenant, id: r.ID, contact: r.ContactID})
			}
		}
		if page.NextCursor == nil {
			return all, nil
		}
		cursor = "&cursor=" + *page.NextCursor
	}
}

// hostFaults are those of the machine that a gateway runs on.
func hostFaults() []scenario {
	return slices.Concat(scarcity(), dawdlers())
}

// scarcity has too little of what a process needs.
func scarcity() []scenario {
	return []scenario{
		{
			row: "48", name: "no-more-descriptors", fault: "the gateway may open 256 files, and 400 connections come and stay", ci: true,
			line:  "it lives, and answers 99.9 % once they are gone",
			setup: setup{config: patient + due, files: 256},
			run: func(t *trial) {
				t.warmUp(t.all)
				idle := t.occupy(400)
				during := t.drive(t.span(1500*time.Millisecond, 10*time.Second), func(l *load) { l.rate = 40 })
				t.note("answered meanwhile %s %%", number(float64(int(during.success()*1000))/10))
				t.holds(t.said(t.replica(0), "too many open files"), "the log says so")
				for _, c := range idle {
					_ = c.Close()
				}
				t.holds(t.replica(0).running(), "the gateway runs")
				t.recovered()
				t.answered(t.drive(t.span(1500*time.Millisecond, 10*time.Second), nil), nearlyAll)
			},
		},
		{
			row: "49", name: "little-memory", fault: "GOMEMLIMIT is 64 MiB (256 MiB at full length does not fill here), the memory tier may have 256 MiB, and records come", ci: true,
			line: "it lives, within twice the limit; 99.9 % answered",
			setup: setup{
				config: unhurried + strings.Replace(settled, "cache: {", "cache: {memory: 256MiB, ", 1),
				env:    []string{"GOMEMLIMIT=64MiB"}, records: 2500,
			},
			run: func(t *trial) {
				all, err := t.everyGlobex(t.ctx)
				t.must(err)
				t.all = all
				if !t.full {
					t.all = all[:len(all)/2]
				}
				t.warmUp(t.all)
				most := int64(0)
				span := t.span(1500*time.Millisecond, 20*time.Second)
				seen := t.drive(span, func(l *load) { l.even, l.trespass = true, 0 }, func() {
					for range int(span / (100 * time.Millisecond)) {
						most = max(most, t.replica(0).resident())
						t.sleep(100 * time.Millisecond)
					}
				})
				t.note("%d documents", len(t.all))
				t.answered(seen, nearlyAll)
				t.most("MiB in memory", float64(most)/(1<<20), 128)
				t.note("%s MiB in the memory tier", number(float64(int(t.metric("weft_cache_memory_bytes")/(1<<17)))/8))
				t.holds(t.replica(0).running(), "the gateway runs")
			},
		},
		{
			row: "50", name: "no-cpu", fault: "one core for the gateway (GOMAXPROCS=1), four other programs that take all they can, and a CRM that hangs",
			line:  "none after more than 1.2 times the request's deadline of 3 s",
			setup: setup{config: due, env: []string{"GOMAXPROCS=1"}},
			run: func(t *trial) {
				t.warmUp(t.all[:len(t.all)/2])
				t.turn(dial{"service": "crm", "hang": true})
				for range 4 {
					p, _, err := launch(t.ctx, "spinner", "spins", nil, "/bin/sh", "-c", "echo spins; while :; do :; done")
					t.must(err)
					if err == nil {
						defer p.close()
					}
				}
				seen := t.drive(t.span(4*time.Second, 20*time.Second), func(l *load) { l.targets, l.rate = t.all, 30 })
				t.answered(seen, nearlyAll)
				t.within("slowest", seen.quantile(1), 3600*time.Millisecond)
			},
		},
	}
}

// dawdlers has callers who hold on to connections.
func dawdlers() []scenario {
	return []scenario{
		{
			row: "51", name: "slowloris", fault: "connections that send a byte of a header a second; headers of 1 MB", ci: true,
			line:  "99.9 % of the others answered; all slow ones are closed within 10 s (5 s and a busy machine); 431",
			setup: setup{config: patient + due},
			run: func(t *trial) {
				t.warmUp(t.all)
				n := 300
				if t.full {
					n = 4000 // as the files of this process allow
				}
				var slowest time.Duration
				seen := t.drive(time.Second, nil, func() { slowest = t.dawdle(n) })
				t.answered(seen, nearlyAll)
				t.within(fmt.Sprintf("the last of %d slow connections closed after", n), slowest, t.span(20*time.Second, 10*time.Second))
				t.most("answer to a header of 1 MB", float64(t.bigHeader()), 431)
			},
		},
	}
}
