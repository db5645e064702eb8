package ops

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"
)

// Those who ask now and then get a new answer each time; those who are many share
// some, never one that is older than it may be, or than a change.
func TestAnswersAreShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		made, version := 0, uint64(0)
		s := share(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			made++
			w.Header().Set("Content-Type", "text/plain")
			fmt.Fprint(w, made, " ", time.Now().UnixMilli())
		}), scrapeEvery, func() uint64 { return version })
		scrape := func() (age time.Duration) {
			w := httptest.NewRecorder()
			s.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
			var n int
			var at int64
			if _, err := fmt.Sscan(w.Body.String(), &n, &at); err != nil || w.Code != 200 || w.Header().Get("Content-Type") != "text/plain" {
				t.Fatalf("%d %v %q: %v", w.Code, w.Header(), w.Body, err)
			}
			return time.Since(time.UnixMilli(at))
		}
		for range 30 {
			if age := scrape(); age != 0 {
				t.Fatalf("one of few is %v old", age)
			}
			time.Sleep(scrapeEvery)
		}
		time.Sleep(time.Hour)
		const rate, seconds = 50, 60
		made = 0
		for range rate * seconds {
			if age := scrape(); age >= scrapeEvery {
				t.Fatalf("one is %v old", age)
			}
			time.Sleep(time.Second / rate)
		}
		if most := shareBurst + seconds*int(time.Second)/int(scrapeEvery); made > most+1 || made < most-1 {
			t.Errorf("%d were made, want %d", made, most)
		}
		version++
		if age := scrape(); age != 0 {
			t.Errorf("after a change one is %v old", age)
		}
		time.Sleep(scrapeEvery)
		if age := scrape(); age != 0 {
			t.Errorf("after a pause one is %v old", age)
		}
	})
}

// What is asked of some metrics is no answer to who asks for all.
func TestAnswersToOtherQuestionsAreNotShared(t *testing.T) {
	s := share(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.URL.RawQuery) }), scrapeEvery, func() uint64 { return 0 })
	for range 2 * shareBurst {
		for _, query := range []string{"name[]=up", ""} {
			w := httptest.NewRecorder()
			s.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics?"+query, nil))
			if got := w.Body.String(); got != query {
				t.Fatalf("asked for %q, answered %q", query, got)
			}
		}
	}
}

// What is not good is not remembered, and no more forms than there is room for.
func TestAnswersThatAreNotKept(t *testing.T) {
	status, made := http.StatusInternalServerError, 0
	s := share(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { made++; w.WriteHeader(status) }), readEvery, func() uint64 { return 0 })
	for range 2 * shareBurst {
		s.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/metrics", nil))
	}
	if made != 2*shareBurst {
		t.Errorf("%d were made of %d that failed", made, 2*shareBurst)
	}
	status = http.StatusOK
	for n := range 100 {
		r := httptest.NewRequest(http.MethodGet, "/metrics", nil)
		r.Header.Set("Accept", fmt.Sprint("text/", n))
		s.ServeHTTP(httptest.NewRecorder(), r)
	}
	if len(s.kept) > shareForms {
		t.Errorf("%d forms are kept", len(s.kept))
	}
}
