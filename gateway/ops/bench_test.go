package ops

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
)

// BenchmarkReads is what one reading costs beside the HTTP server, with a dozen
// breakers: a hundred a second are to cost less than three hundredths of a core.
func BenchmarkReads(b *testing.B) {
	d := newDesk(b)
	for i := range 10 {
		d.add(fmt.Sprintf("more-%d", i), "http://crm.example", nil)
	}
	for _, path := range []string{"/livez", "/healthz", "/breakers", "/fleet", "/cache", "/tenants", "/config", "/activity"} {
		b.Run(path[1:], func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				w := httptest.NewRecorder()
				d.server.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
				if w.Code != http.StatusOK {
					b.Fatal(w.Code)
				}
			}
		})
	}
}
