package enrich

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/weft-gateway/weft/upstream"
)

const (
	backfillPace  = time.Second        // at least, between two pages
	backfillLease = 30 * time.Second   // a walker that died is replaced after this
	backfillRetry = 15 * time.Second   // after a failure, or when another replica walks
	backfillCheck = time.Minute        // between two looks at whether the index is complete
	indexFor      = 7 * 24 * time.Hour // then all is listed again; rows live longer than this

	backfillNumbered = 24 * time.Hour // between two passes over a list that can never be known to be whole
	backfillTell     = 60             // pages between two lines of the log
)

// Backfill tells how far the listing of a tenant's older conversations is.
type Backfill struct {
	Tenant   string
	Pages    int  // listed by this process
	Rows     int  // listed by this process
	Complete bool // the index is known to cover the whole list
}

// Backfiller lists the older conversations of tenants whose store does not
// prove ownership, so that an unknown id can be told from an old one. One
// replica walks a tenant at a time, a page a second, from a checkpoint.
type Backfiller struct {
	e     *Enricher
	mu    sync.Mutex
	state map[string]*Backfill // tenant id -> progress
	order []string
}

// Backfiller returns the enricher's backfiller for the given tenants.
func (e *Enricher) Backfiller(tenants []*Tenant) *Backfiller {
	b := &Backfiller{e: e, state: map[string]*Backfill{}}
	for _, t := range tenants {
		if _, ok := t.proves(); !ok {
			b.state[t.ID] = &Backfill{Tenant: t.ID}
			b.order = append(b.order, t.ID)
		}
	}
	return b
}

// Progress returns the progress of each tenant, in the order of the tenants.
func (b *Backfiller) Progress() []Backfill {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := make([]Backfill, 0, len(b.order))
	for _, id := range b.order {
		out = append(out, *b.state[id])
	}
	return out
}

// Run keeps the index of every tenant complete until the context ends.
func (b *Backfiller) Run(ctx context.Context, tenants []*Tenant) {
	var wg sync.WaitGroup
	for _, t := range tenants {
		if _, ok := b.state[t.ID]; ok {
			wg.Go(func() { b.keep(ctx, t) })
		}
	}
	wg.Wait()
}

// keep completes the index, and again whenever it is withdrawn or has expired.
func (b *Backfiller) keep(ctx context.Context, t *Tenant) {
	log := b.e.log.With("tenant", t.ID)
	w := b.e.proofs.walker(t)
	for {
		pause := backfillCheck
		if done, err := b.pass(ctx, t, log); ctx.Err() != nil {
			return
		} else if errors.Is(err, errNumbered) {
			log.Info("backfill of conversations listed all, but cannot know so: the store counts pages", "again_in", backfillNumbered.String())
			pause = backfillNumbered
		} else if err != nil {
			log.Warn("backfill of conversations paused", "error", err)
			pause = backfillRetry
		} else if !done {
			pause = backfillRetry
		}
		select {
		case <-ctx.Done():
			return
		case <-w.wake:
		case <-time.After(pause):
		}
	}
}

// pass completes the index if it is not, and reports whether it now is. False
// without an error means that another replica is at it.
func (b *Backfiller) pass(ctx context.Context, t *Tenant, log *slog.Logger) (bool, error) {
	c := b.e.cfg.Cache
	_, whole, err := c.Index().Lookup(ctx, t.ID, "")
	b.note(t, 0, 0, whole)
	if err != nil || whole {
		return whole, err
	}
	lease, ok, err := c.Lease(ctx, checkpointName(t), backfillLease)
	if err != nil || !ok {
		return false, err
	}
	defer func() {
		if err := lease.Release(context.WithoutCancel(ctx)); err != nil {
			log.Debug("backfill lease is left to expire", "error", err)
		}
	}()
	step := func() error {
		if held, err := lease.Extend(ctx, backfillLease); err != nil || held {
			return err
		}
		return errLeaseLost
	}
	at, err := b.resume(ctx, t)
	p := &pass{b: b, t: t, step: step, log: log}
	if err == nil {
		at, err = p.down(ctx, at)
	}
	if err == nil {
		err = p.head(ctx)
	}
	if err == nil && p.numbered {
		err = errors.Join(errNumbered, b.save(ctx, t, checkpoint{}))
	}
	if err == nil {
		err = b.claim(ctx, t, at)
	}
	if err != nil {
		return false, err
	}
	b.note(t, 0, 0, true)
	log.Info("backfill of conversations complete")
	return true, nil
}

var (
	errEmptied   = errors.New("enrich: the index was emptied during the backfill")
	errLeaseLost = errors.New("enrich: another replica has taken the backfill over")
	errNumbered  = errors.New("enrich: a list of numbered pages may have let rows slip by")
)

// claim marks the index complete. If the index lost what the walk added, the
// walk has to be made again.
func (b *Backfiller) claim(ctx context.Context, t *Tenant, at checkpoint) error {
	ok, err := b.e.cfg.Cache.Index().MarkComplete(ctx, t.ID, at.Walk, indexFor)
	if err == nil && !ok {
		err = errors.Join(errEmptied, b.save(ctx, t, checkpoint{}))
	}
	return err
}

// checkpoint is how far the walk over the whole list has come. It outlives the
// process that wrote it.
type checkpoint struct {
	Walk   string `json:"walk"` // name of the walk in the index; "": none has begun
	Cursor string `json:"cursor"`
	Done   bool   `json:"done"`   // the bottom was reached: only the head may have grown since
	Bottom string `json:"bottom"` // last id of the list, once done
}

func checkpointName(t *Tenant) string { return "backfill:" + t.ID }

// resume reads the checkpoint. If the list was walked to the bottom before and
// the index still has it, a new walk has only the head left to do.
func (b *Backfiller) resume(ctx context.Context, t *Tenant) (checkpoint, error) {
	var at checkpoint
	raw, err := b.e.cfg.Cache.Checkpoint(ctx, checkpointName(t))
	if err != nil {
		return at, err
	}
	if json.Unmarshal([]byte(raw), &at) == nil && at.Walk != "" {
		if !at.Done {
			return at, nil
		}
		has, _, err := b.e.cfg.Cache.Index().Lookup(ctx, t.ID, at.Bottom)
		if err != nil {
			return at, err
		}
		at.Done = has
	}
	if !at.Done {
		at = checkpoint{}
		if err := b.e.cfg.Cache.Index().Forget(ctx, t.ID); err != nil {
			return at, err
		}
	}
	at.Walk = uuid.NewString()
	if err := b.e.cfg.Cache.Index().Begin(ctx, t.ID, at.Walk); err != nil {
		return at, err
	}
	return at, b.save(ctx, t, at)
}

func (b *Backfiller) save(ctx context.Context, t *Tenant, at checkpoint) error {
	value, err := json.Marshal(at)
	if err != nil {
		return err
	}
	return b.e.cfg.Cache.SetCheckpoint(ctx, checkpointName(t), string(value), indexFor)
}

// pass is one walk over what is not known of a tenant's list.
type pass struct {
	b        *Backfiller
	t        *Tenant
	step     func() error // keeps the lease
	log      *slog.Logger
	pages    int
	numbered bool // the list has numbered pages, more than one
}

// down walks from the checkpoint to the bottom of the list.
func (p *pass) down(ctx context.Context, at checkpoint) (checkpoint, error) {
	b, t := p.b, p.t
	for !at.Done {
		page, err := p.page(ctx, at.Cursor)
		if err != nil {
			return at, err
		}
		ids := idsOf(page)
		if err := b.e.cfg.Cache.Index().Add(ctx, t.ID, ids); err != nil {
			return at, err
		}
		if len(ids) > 0 {
			at.Bottom = ids[len(ids)-1]
		}
		at.Cursor, at.Done = page.Next, page.Next == ""
		if err := b.save(ctx, t, at); err != nil {
			return at, err
		}
	}
	return at, nil
}

// head walks from the top to what the index knows, and adds what lies above
// it in one go: an id is in the index only if all below it are.
func (p *pass) head(ctx context.Context) error {
	b, t := p.b, p.t
	var ids []string
	for cursor := ""; ; {
		page, err := p.page(ctx, cursor)
		if err != nil {
			return err
		}
		ids = append(ids, idsOf(page)...)
		if cursor = page.Next; cursor == "" || len(ids) == 0 {
			break
		}
		has, _, err := b.e.cfg.Cache.Index().Lookup(ctx, t.ID, ids[len(ids)-1])
		if err != nil {
			return err
		}
		if has {
			break
		}
	}
	slices.Reverse(ids) // oldest first: what is cut off leaves no gap
	return b.e.cfg.Cache.Index().Add(ctx, t.ID, ids)
}

// page lists one page at the backfill's pace.
func (p *pass) page(ctx context.Context, cursor string) (upstream.Page, error) {
	select {
	case <-ctx.Done():
		return upstream.Page{}, ctx.Err()
	case <-time.After(backfillPace):
	}
	if err := p.step(); err != nil {
		return upstream.Page{}, err
	}
	page, err := p.b.e.list(ctx, p.t, upstream.ListQuery{PerPage: upstream.MaxBatch, Cursor: cursor})
	if err != nil {
		return page, err
	}
	p.b.note(p.t, 1, len(page.Rows), false)
	p.numbered = p.numbered || page.Numbered && cursor != ""
	if p.pages++; p.pages%backfillTell == 0 {
		p.log.Info("backfill of conversations goes on", "pages", p.pages)
	}
	return page, nil
}

func (b *Backfiller) note(t *Tenant, pages, rows int, whole bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.state[t.ID]
	s.Pages += pages
	s.Rows += rows
	s.Complete = whole
}

func idsOf(page upstream.Page) []string {
	ids := make([]string, len(page.Rows))
	for i := range page.Rows {
		ids[i] = page.Rows[i].ID
	}
	return ids
}
