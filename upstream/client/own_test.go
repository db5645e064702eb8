package client

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// unruly is a server that says of each request's id what it was asked for, in
// any way but the wrong one, and then often more than it was asked for.
func unruly(_ int, c *net.TCPConn, next func() *http.Request) {
	const wrong = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwrong"
	for r := next(); r != nil; r = next() {
		id := strings.Repeat(r.URL.Query().Get("id")+" ", 1+rand.N(2)*5000) // in one read, or in many
		whole := fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(id), id)
		chunks := fmt.Sprintf("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(id), id)
		says := []string{
			whole, whole, whole, chunks, "HTTP/1.1 100 Continue\r\n\r\n" + whole,
			whole + wrong, chunks + wrong, "HTTP/1.1 204 No Content\r\n\r\n" + wrong,
			whole[:len(whole)-1], chunks[:len(chunks)-2], "HTTP/1.1 503 No\r\nContent-Length: 9\r\n\r\nwrong", "",
		}
		n := rand.N(len(says))
		if rand.N(4) == 0 {
			_ = c.SetLinger(0)
		}
		if _, _ = io.WriteString(c, says[n]); n > 7 || rand.N(8) == 0 {
			return
		}
	}
}

// Whatever becomes of the calls before it, one gets its own answer or none, and
// none keeps a connection or a place.
func TestAnswersAreOnesOwn(t *testing.T) {
	const most = 4
	url, _ := talks(t, unruly)
	tr := transport(t, most)
	var wg sync.WaitGroup
	for caller := range 3 * most {
		wg.Go(func() {
			for n := range 200 {
				ask(t, tr, url, fmt.Sprint(caller, "-", n))
			}
		})
	}
	wg.Wait()
	for _, l := range tr.conns.lanes {
		if l.open != len(l.idle) || l.open > most || len(l.waiting) > 0 {
			t.Errorf("%d open, %d idle, %d wait", l.open, len(l.idle), len(l.waiting))
		}
	}
}

// ask makes a call that may be canceled, be late, or not be heard to its end.
func ask(t *testing.T, tr *Transport, url, id string) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	soon := time.Duration(rand.N(2000)) * time.Microsecond
	switch rand.N(4) {
	case 0:
		ctx = owned{ctx, time.Now().Add(soon)}
	case 1:
		defer time.AfterFunc(soon, cancel).Stop()
	default:
		ctx = owned{ctx, time.Now().Add(20 * time.Second)}
	}
	req := request(t, http.MethodGet, url+"/?id="+id, "").WithContext(ctx)
	if rand.N(2) == 0 {
		req = request(t, http.MethodPost, url+"/?id="+id, "x").WithContext(ctx)
	}
	resp, err := tr.RoundTrip(req)
	if err != nil {
		return
	}
	defer resp.Body.Close()
	switch rand.N(10) {
	case 0:
		return
	case 1:
		var wg sync.WaitGroup
		defer wg.Wait()
		wg.Go(func() { resp.Body.Close() })
	}
	if body, err := io.ReadAll(resp.Body); err == nil && resp.StatusCode == 200 && strings.ReplaceAll(string(body), id+" ", "") != "" {
		t.Errorf("%.99q is the answer to %s", body, id)
	}
}

// What decompresses answers is kept for the next, and the call it was for is not.
func TestZipForgets(t *testing.T) {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, _ = z.Write([]byte("{}"))
	_ = z.Close()
	url, _ := talks(t, each("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: "+fmt.Sprint(packed.Len())+"\r\n\r\n"+packed.String()))
	tr := transport(t, 1)
	freed := make(chan struct{})
	var kept zips
	func() {
		ctx := &struct{ context.Context }{t.Context()}
		runtime.AddCleanup(ctx, func(freed chan struct{}) { close(freed) }, freed)
		resp, err := tr.RoundTrip(request(t, http.MethodGet, url, "").WithContext(ctx))
		if err != nil {
			t.Fatal(err)
		}
		u := resp.Body.(*unzipped)
		kept.look(u)
		if b, err := io.ReadAll(u); string(b) != "{}" || err != nil {
			t.Fatalf("%q, %v", b, err)
		}
	}()
	for range 1000 {
		runtime.GC()
		select {
		case <-freed:
			runtime.KeepAlive(&kept)
			return
		default:
		}
	}
	t.Error("the call is still known")
}

// zips holds a zip, so that no collection takes it from its pool.
type zips struct{ one *zip }

func (k *zips) look(u *unzipped) {
	_, _ = u.Read(nil)
	k.one = u.z
}
