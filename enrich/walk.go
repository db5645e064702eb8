package enrich

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/weft-gateway/weft/upstream"
)

const (
	walkPages   = 5           // of upstream.MaxBatch rows: the bound of one walk
	walkSpacing = time.Second // between the starts of two walks of a tenant
)

// walker walks the head of one tenant's list: one walk at a time, whoever waits.
type walker struct {
	e    *Enricher
	t    *Tenant
	wake chan struct{} // tells the backfill that the index has a gap

	mu      sync.Mutex
	running *walk // nil when none is
	planned *walk // starts when the spacing is over; nil when a walk is running
	started time.Time

	top string // newest id that the index has from here; of the one walk that runs
}

// walk is one pass over the head of the list. It ends early when nobody waits
// for it any more. Its fields are readable once done is closed.
type walk struct {
	done    chan struct{}
	waiters int           // guarded by walker.mu
	dropped chan struct{} // closed when nobody waits for a walk that has not begun

	began time.Time
	rows  map[string]*upstream.Conversation
	ended bool // the whole list was seen
	met   bool // it reached rows that the index knows: nothing lies between
	err   error
}

// find looks for an id; held says that its row is known, if of old. Absence is believed only of a walk that began after
// the question; presence of any.
func (w *walker) find(ctx context.Context, id string, asked time.Time, held bool) sighting {
	for {
		k := w.join()
		select {
		case <-k.done:
		case <-ctx.Done():
			w.leave(k)
			return sighting{err: boundHit(ctx.Err())}
		}
		if row := k.rows[id]; row != nil {
			return sighting{row: row}
		}
		if !k.began.Before(asked) {
			return w.absent(ctx, id, k, held)
		}
	}
}

// absent says what a walk that did not show the id proves.
func (w *walker) absent(ctx context.Context, id string, k *walk, held bool) sighting {
	switch {
	case k.err != nil:
		return sighting{err: k.err}
	case k.ended:
		return sighting{}
	case k.met:
		has, whole, err := w.e.cfg.Cache.Index().Lookup(ctx, w.t.ID, id)
		if err == nil && whole && !has {
			return sighting{}
		}
		if has && whole && !held {
			w.lost(ctx)
		}
	}
	return sighting{err: &UnprovenError{RetryAfter: walkSpacing}}
}

// join returns the walk to wait for: the running one, whose rows may help, or
// else the next.
func (w *walker) join() *walk {
	w.mu.Lock()
	defer w.mu.Unlock()
	k := w.running
	if k == nil {
		if w.planned == nil {
			w.plan()
		}
		k = w.planned
	}
	k.waiters++
	return k
}

// leave stops waiting. A walk that has not begun and that nobody wants is dropped.
func (w *walker) leave(k *walk) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if k.waiters--; k.waiters == 0 && w.planned == k {
		w.planned = nil
		close(k.dropped)
	}
}

// plan starts the next walk as soon as it may begin. The caller holds mu.
func (w *walker) plan() {
	k := &walk{done: make(chan struct{}), dropped: make(chan struct{}), rows: map[string]*upstream.Conversation{}}
	w.planned = k
	wait := max(0, time.Until(w.started.Add(walkSpacing)))
	go func() {
		select {
		case <-time.After(wait):
			if w.begin(k) {
				w.finish(k)
			}
		case <-k.dropped:
		}
	}()
}

// begin reports false for a walk that was dropped just now.
func (w *walker) begin(k *walk) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.planned != k {
		return false
	}
	w.running, w.planned = k, nil
	k.began = time.Now()
	w.started = k.began
	return true
}

// finish runs the walk and lets its waiters go. A panic is the walk's failure.
func (w *walker) finish(k *walk) {
	defer func() {
		if recover() != nil {
			k.err = upstream.BadResponse
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.running == k {
			w.running = nil
		}
		close(k.done)
	}()
	w.run(k)
}

// deserted reports whether nobody waits for the walk any more. Whoever comes
// after it did waits for the next one.
func (w *walker) deserted(k *walk) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if k.waiters > 0 {
		return false
	}
	w.running = nil
	return true
}

// run walks until the list ends, the rows are known, or the bound is hit. It
// is nobody's request: it has a time of its own.
func (w *walker) run(k *walk) {
	ctx, cancel := context.WithTimeout(context.Background(), w.e.cfg.Request)
	defer cancel()
	var ids []string
	total := 0
	q := upstream.ListQuery{PerPage: upstream.MaxBatch}
	for range walkPages {
		if w.deserted(k) {
			k.err = upstream.Canceled
			return
		}
		page, err := w.e.list(ctx, w.t, q)
		if err != nil {
			k.err = err
			if ctx.Err() != nil {
				k.err = boundHit(ctx.Err())
			}
			return
		}
		if page.Numbered && q.Cursor != "" && (page.Total == 0 || page.Total != total) {
			k.err = &UnprovenError{RetryAfter: walkSpacing} // rows may have slipped by between two pages
			return
		}
		total = page.Total
		for i := range page.Rows {
			k.rows[page.Rows[i].ID] = &page.Rows[i]
			ids = append(ids, page.Rows[i].ID)
		}
		if k.ended = page.Next == ""; k.ended {
			return
		}
		if k.met = w.known(ctx, page); k.met {
			w.connect(ctx, ids)
			return
		}
		q.Cursor = page.Next
	}
	w.gap(ctx)
}

// connect adds ids that lie right above those that the index knows: it covers
// the list from its newest id down without a gap.
func (w *walker) connect(ctx context.Context, ids []string) {
	if len(ids) == 0 || ids[0] == w.top {
		return
	}
	w.top = ids[0]
	slices.Reverse(ids) // oldest first: what is cut off leaves no gap
	if err := w.e.cfg.Cache.Index().Add(ctx, w.t.ID, ids); err != nil {
		w.e.log.Warn("index of known conversations cannot be written", "tenant", w.t.ID, "error", err)
	}
}

// known reports whether the index covers the page's last row, and with it all
// that the list holds below.
func (w *walker) known(ctx context.Context, page upstream.Page) bool {
	if len(page.Rows) == 0 {
		return false
	}
	last := page.Rows[len(page.Rows)-1].ID
	has, whole, err := w.e.cfg.Cache.Index().Lookup(ctx, w.t.ID, last)
	return err == nil && has && whole
}

// gap takes back the claim that the index is complete, if it makes it, and
// wakes the backfill. A backfill that is still under way is left alone.
func (w *walker) gap(ctx context.Context) {
	x := w.e.cfg.Cache.Index()
	if _, whole, err := x.Lookup(ctx, w.t.ID, ""); err != nil || !whole {
		return
	}
	x.Withdraw(ctx, w.t.ID)
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// lost has the whole list walked again: the index knows an id whose row is gone.
func (w *walker) lost(ctx context.Context) {
	if err := w.e.cfg.Cache.SetCheckpoint(ctx, checkpointName(w.t), "", indexFor); err != nil {
		w.e.log.Warn("backfill cannot be restarted", "tenant", w.t.ID, "error", err)
	}
	w.gap(ctx)
}
