package gateway

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/weft-gateway/weft/enrich"
)

// The bounds of the audit log.
const (
	auditQueue = 4096        // answers that may wait to be written down
	auditFlush = time.Second // how long Close waits for them to be
)

// action is what an answer did.
type action string

const (
	actionRead  action = "read"
	actionList  action = "list"
	actionErase action = "erase"
)

// AuditConfig is what an [Audit] is made of.
type AuditConfig struct {
	Out    io.Writer // required; a file that is opened to append
	Hash   bool      // write a digest in place of a contact's id
	Logger *slog.Logger
}

// AuditStats count lines since the start.
type AuditStats struct {
	Written uint64
	Dropped uint64 // the queue was full
	Failed  uint64 // Out did not take them
}

// Audit writes a line of JSON for each answer that showed somebody's data: who
// asked, and the ids of what was shown. It keeps nobody waiting: what cannot be
// written in time is dropped and counted.
type Audit struct {
	cfg    AuditConfig
	queue  chan auditLine
	stop   chan struct{} // closed by Close
	done   chan struct{} // closed when nothing is written any more
	failed bool          // the latest line, and that was said in the log; used by run alone
	torn   bool          // the latest write broke off; used by run alone

	written, dropped, lost atomic.Uint64
}

// auditLine is one line, in the order of its fields.
type auditLine struct {
	Time          time.Time `json:"time"`
	Action        action    `json:"action"`
	Tenant        string    `json:"tenant"`
	Key           string    `json:"key"`
	RequestID     string    `json:"requestId"`
	Method        string    `json:"method"`
	Status        int       `json:"status"`
	Conversations []string  `json:"conversations"`
	Contacts      []string  `json:"contacts"`
	Accounts      []string  `json:"accounts"`
}

// NewAudit returns an Audit that must be closed.
func NewAudit(cfg AuditConfig) (*Audit, error) {
	if cfg.Out == nil {
		return nil, errors.New("gateway: an audit log needs somewhere to go")
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	a := &Audit{cfg: cfg, queue: make(chan auditLine, auditQueue), stop: make(chan struct{}), done: make(chan struct{})}
	go a.run()
	return a, nil
}

// Stats returns the counters.
func (a *Audit) Stats() AuditStats {
	return AuditStats{Written: a.written.Load(), Dropped: a.dropped.Load(), Failed: a.lost.Load()}
}

// Close writes what is waiting, for about a second at most. What comes later
// is dropped.
func (a *Audit) Close() {
	close(a.stop)
	select {
	case <-a.done:
	case <-time.After(auditFlush): // Out takes nothing: it is left to itself
	}
}

// note queues the line of an answer. A nil Audit notes nothing.
func (a *Audit) note(x *exchange, r *http.Request, did action, shown enrich.Shown) {
	if a == nil {
		return
	}
	line := auditLine{
		Time: x.start.UTC(), Action: did, Tenant: x.who.TenantID, Key: x.who.KeyID, RequestID: x.id, Method: method(r), Status: x.status,
		Conversations: shown.Conversations, Contacts: shown.Contacts, Accounts: shown.Accounts,
	}
	select {
	case a.queue <- line:
	default:
		a.dropped.Add(1)
	}
}

// run writes lines until Close, and then what is queued.
func (a *Audit) run() {
	defer close(a.done)
	for {
		select {
		case line := <-a.queue:
			a.write(line)
		case <-a.stop:
			for len(a.queue) > 0 {
				a.write(<-a.queue)
			}
			return
		}
	}
}

// write writes the line at once: a file that is appended to is then never cut
// within a line by whoever rotates it. After a write that broke off, the rest of
// that line is ended first, or the next one would be lost with it.
func (a *Audit) write(line auditLine) {
	b, err := a.encode(line)
	if a.torn {
		b = append([]byte{'\n'}, b...)
	}
	if err == nil {
		var n int
		n, err = a.cfg.Out.Write(b)
		a.torn = err != nil && (a.torn || n > 0)
	}
	if err == nil {
		a.written.Add(1)
	} else if a.lost.Add(1); !a.failed {
		a.cfg.Logger.Error("the audit log cannot be written", "error", err)
	}
	a.failed = err != nil
}

// encode returns the line with its end.
func (a *Audit) encode(line auditLine) ([]byte, error) {
	line.Conversations, line.Accounts = listed(line.Conversations), listed(line.Accounts)
	line.Contacts = listed(line.Contacts)
	if a.cfg.Hash {
		hashed := make([]string, len(line.Contacts))
		for i, id := range line.Contacts {
			sum := sha256.Sum256([]byte(line.Tenant + "/" + id))
			hashed[i] = hex.EncodeToString(sum[:16])
		}
		line.Contacts = hashed
	}
	b, err := json.Marshal(line)
	return append(b, '\n'), err
}

// listed makes a list of none an empty one.
func listed(ids []string) []string {
	if ids == nil {
		return []string{}
	}
	return ids
}
