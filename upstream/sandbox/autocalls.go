package sandbox

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"
)

// zoneless is the form of a time in a row. It does not say its zone.
const zoneless = time.DateTime

// autocallsAPI answers as the Autocalls store does: a Laravel application.
type autocallsAPI struct {
	*archive
	zone        *time.Location
	pageNumbers bool
}

func autocallsSpec(records *archive, all []Tenant, cfg Config) spec {
	a := autocallsAPI{records, cfg.Timezone, cfg.PageNumbers}
	return spec{
		name:   "autocalls",
		ops:    []string{"list", "read", "assistants"},
		tokens: storeTokens("autocalls", all),
		fault:  laravelFault,
		routes: []route{
			{pattern: "GET /api/user/conversations", op: always("list"), serve: a.list},
			// Needs no token, and answers for anybody's conversation.
			{pattern: "GET /api/conversations/{id}", op: always("read"), open: true, serve: a.read},
			{pattern: "GET /api/user/assistants/get", op: always("assistants"), serve: a.assistants},
		},
	}
}

// laravelFault is the framework's own body of an error, and below 400 the
// product's: an error that says so in the body alone.
func laravelFault(status int, retryAfter string) any {
	switch status {
	case http.StatusUnauthorized:
		return map[string]any{"message": "Unauthenticated."}
	case http.StatusForbidden:
		return map[string]any{"message": "This action is unauthorized."}
	case http.StatusTooManyRequests:
		after, err := strconv.Atoi(retryAfter)
		if err != nil {
			after = 60
		}
		return map[string]any{"message": "Too Many Attempts.", "retry_after": after}
	case http.StatusInternalServerError:
		return map[string]any{"message": "Server Error"}
	}
	if status < 400 {
		return map[string]any{"status": false, "error": "Something went wrong"}
	}
	return map[string]any{"message": http.StatusText(status)}
}

// autocallsRow is a row of the list. The keys that are left out when empty
// are absent, not null, from the rows that they do not apply to.
type autocallsRow struct {
	ID                 string          `json:"id"`
	AssistantID        string          `json:"assistant_id"`
	AssistantName      string          `json:"assistant_name"`
	Type               string          `json:"type"`
	Variables          json.RawMessage `json:"variables,omitempty"`
	ExternalIdentifier string          `json:"external_identifier,omitempty"`
	MessageCount       int             `json:"message_count"`
	TotalCost          float64         `json:"total_cost"`
	AIEnabled          bool            `json:"ai_enabled"`
	CreatedAt          string          `json:"created_at"`
	UpdatedAt          string          `json:"updated_at"`
	WhatsappSender     *party          `json:"whatsapp_sender,omitempty"`
	Customer           *party          `json:"customer,omitempty"`
}

func (a autocallsAPI) row(c *conversation) autocallsRow {
	row := autocallsRow{
		ID: c.id, AssistantID: c.assistant.id, AssistantName: c.assistant.name, Type: c.kind,
		MessageCount: c.messageCount(), TotalCost: c.cost, AIEnabled: c.aiOn,
		CreatedAt: c.created.In(a.zone).Format(zoneless), UpdatedAt: c.updated.In(a.zone).Format(zoneless),
	}
	if !a.pageNumbers { // the older form has no more than these
		row.Variables, row.ExternalIdentifier = php(c.variables), c.external
		row.WhatsappSender, row.Customer = c.sender, c.customer
	}
	return row
}

func (a autocallsAPI) list(c call) answer {
	q := c.URL.Query()
	size, errs := checkList(q)
	if len(errs) > 0 {
		return answer{http.StatusUnprocessableEntity, errs.body()}
	}
	rows := a.matching(c.tenant, a.filter(q, c.wrong))
	if a.pageNumbers {
		return ok(numbered(c.Request, rows, size, a.row))
	}
	var from *cursor
	if cur, good := parseCursor(q.Get("cursor")); good { // one that cannot be read is ignored
		from = &cur
	}
	l := turn(rows, func(c *conversation) key { return key{Num: c.num} }, from, size)
	return ok(map[string]any{
		"data": each(l.rows, a.row), "path": path(c.Request), "per_page": size,
		"next_cursor": l.next, "prev_cursor": l.prev,
	})
}

// filter asks for exact matches. Laravel takes an empty value for none, and
// the older form knows but two filters; neither minds what it does not know.
func (a autocallsAPI) filter(q url.Values, wrong bool) func(*conversation) bool {
	return func(c *conversation) bool {
		return wrong || is(q.Get("type"), c.kind) &&
			is(q.Get("assistant_id"), strconv.Itoa(c.assistant.num)) &&
			(a.pageNumbers || is(q.Get("customer_phone"), c.customer.phone()) &&
				is(q.Get("whatsapp_sender_phone"), c.sender.phone()) &&
				is(q.Get("external_identifier"), c.external))
	}
}

func is(want, have string) bool { return want == "" || want == have }

func (p *party) phone() string {
	if p == nil {
		return ""
	}
	return p.Phone
}

// autocallsThread is the answer to a read.
type autocallsThread struct {
	Status             bool               `json:"status"` // success, not a lifecycle
	History            []autocallsMessage `json:"history"`
	Variables          json.RawMessage    `json:"variables"`
	ExternalIdentifier string             `json:"external_identifier,omitempty"`
	WhatsappSender     *party             `json:"whatsapp_sender,omitempty"`
	Customer           *party             `json:"customer,omitempty"`
}

type autocallsMessage struct {
	Role          string         `json:"role"`
	Content       string         `json:"content"`
	FunctionCalls []functionCall `json:"function_calls,omitempty"`
}

func (a autocallsAPI) read(c call) answer {
	found := a.find(c.PathValue("id"), c.wrong)
	if found == nil {
		return answer{http.StatusNotFound, map[string]any{"status": false, "error": "Conversation not found"}}
	}
	return ok(autocallsThread{
		Status: true, History: each(found.messages, said), Variables: php(found.variables),
		ExternalIdentifier: found.external, WhatsappSender: found.sender, Customer: found.customer,
	})
}

func said(m message) autocallsMessage {
	calls := slices.Clone(m.calls)
	for i, c := range calls {
		calls[i].Arguments, calls[i].Result = php(c.Arguments), php(c.Result)
	}
	return autocallsMessage{m.role, m.content, calls}
}

// php is raw as PHP encodes it, which cannot tell an empty map from an empty list.
func php(raw json.RawMessage) json.RawMessage {
	if bytes.Equal(raw, []byte("{}")) {
		return json.RawMessage("[]")
	}
	return raw
}

// each maps a list, and is never null.
func each[A, B any](list []A, f func(A) B) []B {
	out := make([]B, len(list))
	for i, v := range list {
		out[i] = f(v)
	}
	return out
}
