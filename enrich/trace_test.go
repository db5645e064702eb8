package enrich

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weft-gateway/weft/upstream"
)

// told is the account of one request for conv-1, each step as one line.
func (w *world) told(t *testing.T, tenant *Tenant) (lines []string) {
	t.Helper()
	ctx, trace := Traced(t.Context())
	if _, err := w.e.Conversation(ctx, tenant, Request{ID: "conv-1", Include: everything}); err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
	for _, s := range trace.Steps() {
		line := fmt.Sprintf("%v+%v %s %s %s %s", s.At, s.Took, s.Kind, s.Source, s.Name, s.Outcome)
		if s.Reason != "" {
			line += " " + string(s.Reason)
		}
		if s.Retry > 0 {
			line += fmt.Sprintf(" retry %v", s.Retry)
		}
		if s.Age > 0 {
			line += fmt.Sprintf(" age %v", s.Age)
		}
		lines = append(lines, line)
	}
	return lines
}

// Time is virtual: the figures are exact.
func TestTrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		sorted := cmp.Transformer("set", func(lines []string) map[string]bool {
			set := make(map[string]bool, len(lines))
			for _, l := range lines {
				set[l] = true
			}
			return set
		})
		cold := []string{
			"0s+0s prefetch  conversation miss",
			"0s+20ms lookup reads conversation loaded", "0s+0s breaker reads conversation closed", "0s+20ms call reads conversation ok",
			"0s+20ms lookup reads messages loaded", "0s+0s breaker reads messages closed", "0s+20ms call reads messages ok",
			"0s+20ms lookup reads attention loaded", "0s+0s breaker reads attention-items closed", "0s+20ms call reads attention-items ok",
			"20ms+50ms lookup crm contact loaded", "20ms+0s breaker crm contacts closed", "20ms+50ms call crm contacts ok",
			"20ms+50ms lookup crm account loaded", "20ms+0s breaker crm accounts closed", "20ms+50ms call crm accounts ok",
		}
		if diff := cmp.Diff(cold, w.told(t, w.read), sorted); diff != "" {
			t.Errorf("nothing known (-want +got):\n%s", diff)
		}
		time.Sleep(time.Hour)
		w.crm.tripped(upstream.OpContacts, true)
		w.crm.failing(upstream.OpAccounts, &upstream.Error{Kind: upstream.Refused})
		got := w.told(t, w.read)
		for _, want := range []string{
			"0s+0s breaker crm contacts breaker_open retry 7s", "0s+0s lookup crm contact stale breaker_open age 1h0m0.05s", "0s+50ms call crm accounts refused",
		} {
			if !slices.Contains(got, want) {
				t.Errorf("%q is not among\n%s", want, strings.Join(got, "\n"))
			}
		}
	})
}

// Who is told nests what is done within a step in that step.
type nesting struct{ told chan string }

type nestKey struct{}

func (n nesting) Begin(ctx context.Context, s Step) (context.Context, func(Step)) {
	within, _ := ctx.Value(nestKey{}).(string)
	return context.WithValue(ctx, nestKey{}, within+"/"+string(s.Kind)+" "+s.Name), func(s Step) {
		n.told <- fmt.Sprintf("%s/%s %s %s", within, s.Kind, s.Name, s.Outcome)
	}
}

func TestStepsAreNested(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, n := newWorld(t, 1), nesting{make(chan string, maxSteps)}
		if _, err := w.e.Conversation(Watched(t.Context(), n), w.read, Request{ID: "conv-1", Include: everything}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		close(n.told)
		var got []string
		for line := range n.told {
			got = append(got, line)
		}
		slices.Sort(got)
		want := []string{
			"/lookup account loaded", "/lookup account/breaker accounts closed", "/lookup account/call accounts ok",
			"/lookup attention loaded", "/lookup attention/breaker attention-items closed", "/lookup attention/call attention-items ok",
			"/lookup contact loaded", "/lookup contact/breaker contacts closed", "/lookup contact/call contacts ok",
			"/lookup conversation loaded", "/lookup conversation/breaker conversation closed", "/lookup conversation/call conversation ok",
			"/lookup messages loaded", "/lookup messages/breaker messages closed", "/lookup messages/call messages ok",
			"/prefetch conversation miss",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("steps (-want +got):\n%s", diff)
		}
	})
}

// A request that nobody is told of costs nothing for it.
func TestNotWatched(t *testing.T) {
	ctx := t.Context()
	call := func(context.Context) (int, error) { return 0, nil }
	search := func(context.Context) sighting { return sighting{} }
	n := testing.AllocsPerRun(100, func() {
		_, _ = called(ctx, "crm", upstream.OpFind, 1, call)
		_ = searched(ctx, "store", search)
		prefetching(ctx, kindRow)(true)
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}
