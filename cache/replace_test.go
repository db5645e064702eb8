package cache

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// A loader that takes another's place joins its loads, finds its records and
// judges them by its own policy; the earlier one can go on.
func TestReplacedLoader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, Config{})
		old := newLoader(t, c, testPolicy)
		calls, answers := make(chan struct{}, 10), make(chan struct{})
		load := func(context.Context, []string) (map[string]doc, error) {
			calls <- struct{}{}
			<-answers
			return map[string]doc{"a": {"A"}}, nil
		}
		got := make(chan Result[doc], 2)
		ask := func(l *Loader[doc]) { got <- l.Load(t.Context(), "t", []string{"a"}, Options{}, load)[0] }
		go ask(old)
		gathered()
		young := newLoader(t, c, Policy{Fresh: 10 * time.Second, Stale: time.Hour})
		go ask(young)
		gathered()
		close(answers)
		for range 2 {
			if r := <-got; r.State != Loaded || r.Value.Name != "A" {
				t.Errorf("result %+v", r)
			}
		}
		if len(calls) != 1 {
			t.Errorf("%d loads, want one for both", len(calls))
		}
		time.Sleep(20 * time.Second)
		for name, want := range map[string]State{"old": Cached, "young": Stale} {
			l := map[string]*Loader[doc]{"old": old, "young": young}[name]
			if r := l.Peek(t.Context(), "t", []string{"a"}, false)[0]; r.State != want {
				t.Errorf("after 20 s the %s loader says %s, want %s", name, r.State, want)
			}
		}
		if s := c.Stats().Kinds; len(s) != 1 || s[0].Loads != 1 || s[0].Coalesced != 1 {
			t.Errorf("kinds %+v, want the counts of both in one", s)
		}
	})
}

// What is dropped is dropped for both: a load that the earlier loader has under
// way does not bring it back.
func TestReplacedLoaderDrops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, Config{})
		old := newLoader(t, c, testPolicy)
		answers := make(chan struct{})
		go old.Load(t.Context(), "t", []string{"a"}, Options{}, func(context.Context, []string) (map[string]doc, error) {
			<-answers
			return map[string]doc{"a": {"A"}}, nil
		})
		gathered()
		young := newLoader(t, c, testPolicy)
		young.Drop("t", "a")
		close(answers)
		gathered()
		if r := young.Peek(t.Context(), "t", []string{"a"}, false)[0]; r.State != Failed {
			t.Errorf("what was dropped is %s", r.State)
		}
	})
}
