package ops

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/weft-gateway/weft/upstream/breaker"
)

// Board is where replicas leave notes for each other. It may be called
// concurrently. Its errors mean that it is away.
type Board interface {
	// Post leaves a note under a name for so long.
	Post(ctx context.Context, name string, note []byte, ttl time.Duration) error

	// Notes returns all notes by name.
	Notes(ctx context.Context) (map[string][]byte, error)
}

// The times of the fleet.
const (
	postEvery = 2 * time.Second        // and at once when a breaker changes
	postApart = 100 * time.Millisecond // at least
	noteTTL   = 10 * time.Second       // a replica that is silent for longer is gone
	fleetAge  = 500 * time.Millisecond // how old an answer may be
	boardWait = time.Second            // of one visit
)

// Why the fleet is not to be seen.
const (
	noRedis   = "no_redis"
	redisAway = "redis_unavailable"
)

// FleetConfig is what a [Fleet] is made of.
type FleetConfig struct {
	Node     string   // the name of this replica; required
	Breakers Breakers // required
	Events   Events   // required
	Board    Board    // nil: this replica is alone

	Draining func() bool // nil: it never is
	Version  string
	Started  time.Time
	Logger   *slog.Logger // nil: discarded
}

// Fleet tells the other replicas of this one's breakers, and knows theirs.
type Fleet struct {
	cfg FleetConfig

	mu   sync.Mutex
	view fleetView // guarded by mu, as is
	at   time.Time // when it was made
}

// fleetView is the body of GET /fleet.
type fleetView struct {
	Self    string     `json:"self"`
	Shared  bool       `json:"shared"`
	Problem *string    `json:"problem"`
	Nodes   []nodeView `json:"nodes"`
}

// NewFleet returns a Fleet, which tells nobody before Run.
func NewFleet(cfg FleetConfig) (*Fleet, error) {
	if cfg.Node == "" || cfg.Breakers == nil || cfg.Events == nil {
		return nil, errors.New("ops: a fleet needs a name, breakers and their events")
	}
	if cfg.Draining == nil {
		cfg.Draining = func() bool { return false }
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return &Fleet{cfg: cfg}, nil
}

// Run tells the other replicas what there is to tell until ctx ends.
func (f *Fleet) Run(ctx context.Context) {
	if f.cfg.Board == nil {
		return
	}
	tick := time.NewTicker(postEvery)
	defer tick.Stop()
	_, news, stop := f.cfg.Events.Watch(1) // one is enough to know that there is something
	defer func() { stop() }()
	defer f.leave(ctx)
	for silent := false; ctx.Err() == nil; {
		err := f.post(ctx)
		if (err != nil) != silent {
			silent = err != nil
			f.cfg.Logger.Info("other replicas hear of this one's breakers", "heard", !silent)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(postApart):
		}
		select {
		case <-ctx.Done():
		case <-tick.C:
		case _, ok := <-news:
			if !ok { // more came than there was room for
				stop()
				_, news, stop = f.cfg.Events.Watch(1)
			}
		}
	}
}

// leave says that this replica ends: the others see it until its note does.
func (f *Fleet) leave(ctx context.Context) {
	own := f.self()
	own.Status = statusDraining
	_ = f.tell(context.WithoutCancel(ctx), own) // then they see that it is silent
}

func (f *Fleet) post(ctx context.Context) error { return f.tell(ctx, f.self()) }

func (f *Fleet) tell(ctx context.Context, own node) error {
	note, err := json.Marshal(own)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, boardWait)
	defer cancel()
	return f.cfg.Board.Post(ctx, f.cfg.Node, note, noteTTL)
}

// self is what this replica says of itself.
func (f *Fleet) self() node {
	n := node{
		Node: f.cfg.Node, Version: f.cfg.Version, StartedAt: f.cfg.Started.UTC().Truncate(time.Millisecond),
		Status: statusReady, At: time.Now().UTC().Truncate(time.Millisecond), Breakers: []nodeBreaker{},
	}
	for _, b := range f.cfg.Breakers.Snapshots() {
		n.Breakers = append(n.Breakers, nodeBreakerOf(b))
		if statusOf(b.State) != pass {
			n.Status = statusDegraded
		}
	}
	if f.cfg.Draining() {
		n.Status = statusDraining
	}
	return n
}

// look returns what all replicas say. Those who ask at once share one answer.
func (f *Fleet) look(ctx context.Context) fleetView {
	f.mu.Lock()
	defer f.mu.Unlock()
	if time.Since(f.at) >= fleetAge || f.at.IsZero() {
		f.view, f.at = f.gather(ctx), time.Now()
	}
	view := f.view
	view.Nodes = replaced(view.Nodes, nodeView{node: f.self(), Self: true}) // its own is never old
	return view
}

func (f *Fleet) gather(ctx context.Context) fleetView {
	view := fleetView{Self: f.cfg.Node}
	problem := noRedis
	if f.cfg.Board != nil {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), boardWait)
		defer cancel()
		notes, err := f.cfg.Board.Notes(ctx)
		if err == nil {
			view.Shared, view.Nodes = true, nodesOf(notes)
			return view
		}
		problem = redisAway
	}
	view.Problem = &problem
	return view
}

// fleet answers what all replicas say of their breakers.
func (s *Server) fleet(w http.ResponseWriter, r *http.Request) {
	send(w, http.StatusOK, s.cfg.Fleet.look(r.Context()))
}

// nodeBreakerOf is what the others are told of a breaker.
func nodeBreakerOf(b breaker.Snapshot) nodeBreaker {
	n := nodeBreaker{
		Name: b.Name, Upstream: b.Upstream, Operation: b.Operation, State: b.State, Since: b.Since,
		Reason: b.Reason, NextProbeAt: b.NextProbeAt, Trouble: b.Trouble,
	}
	if b.LastError != nil {
		n.LastErrorKind = &b.LastError.Kind
	}
	if b.Forced != nil {
		n.ForcedBy = &b.Forced.By
	}
	return n
}
