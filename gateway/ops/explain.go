package ops

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"time"
)

// Explainer answers one conversation of a tenant and tells how. It is false for
// a tenant that there is not.
type Explainer func(ctx context.Context, tenant, conversation string) (Explanation, bool)

// Explanation is how one request for a conversation went. It holds ids, states
// and times, and nothing of the records themselves.
type Explanation struct {
	Tenant       string          `json:"tenant"`
	Conversation string          `json:"conversation"`
	At           time.Time       `json:"at"`
	TookMs       float64         `json:"tookMs"`
	Outcome      string          `json:"outcome"`  // document, or why there is none
	Complete     bool            `json:"complete"` // false where there is no document
	ContactID    *string         `json:"contactId"`
	AccountID    *string         `json:"accountId"`
	Parts        []ExplainedPart `json:"parts"`
	Steps        []ExplainedStep `json:"steps"`
}

// ExplainedPart is what the document says of a part.
type ExplainedPart struct {
	Part              string     `json:"part"`
	State             string     `json:"state"`
	Reason            string     `json:"reason"`
	Source            string     `json:"source"`
	AsOf              *time.Time `json:"asOf"`
	AgeSeconds        float64    `json:"ageSeconds"`
	RetryAfterSeconds float64    `json:"retryAfterSeconds"`
	TookMs            float64    `json:"tookMs"`
}

// ExplainedStep is one thing that was done for the request.
type ExplainedStep struct {
	Kind              string  `json:"kind"` // prefetch, lookup, breaker, call, walk
	Name              string  `json:"name"` // the kind of record, or the operation
	Source            string  `json:"source"`
	Records           int     `json:"records"`
	Outcome           string  `json:"outcome"`
	Reason            string  `json:"reason"`
	FromRedis         bool    `json:"fromRedis"`
	AgeSeconds        float64 `json:"ageSeconds"`
	RetryAfterSeconds float64 `json:"retryAfterSeconds"`
	StartMs           float64 `json:"startMs"`
	TookMs            float64 `json:"tookMs"`
}

// explainOrder is the body of POST /explain.
type explainOrder struct {
	Tenant       string `json:"tenant"`
	Conversation string `json:"conversation"`
}

// maxConversation is the length of an id that can be asked for.
const maxConversation = 64

// explain answers how a conversation is answered. It costs calls of the
// tenant's sources, so it takes a key and is written to the log.
func (s *Server) explain(w http.ResponseWriter, r *http.Request, actor string, o explainOrder) {
	switch {
	case o.Tenant == "":
		refuseField(w, invalidBody, "tenant")
		return
	case o.Conversation == "", len(o.Conversation) > maxConversation, strings.ContainsFunc(o.Conversation, notWordy):
		refuseField(w, invalidBody, "conversation")
		return
	}
	x, ok := s.cfg.Explain(r.Context(), o.Tenant, o.Conversation)
	if !ok {
		refuse(w, tenantNotFound)
		return
	}
	s.cfg.Logger.LogAttrs(r.Context(), slog.LevelInfo, "a conversation was explained",
		slog.String("actor", actor), slog.String("tenant", o.Tenant), slog.String("outcome", x.Outcome))
	send(w, http.StatusOK, x)
}

// notWordy reports what no id holds.
func notWordy(c rune) bool {
	return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' && c != '-'
}
