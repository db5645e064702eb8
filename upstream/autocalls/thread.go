package autocalls

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"github.com/google/uuid"

	"github.com/weft-gateway/weft/upstream"
	"github.com/weft-gateway/weft/upstream/client"
)

// notFound is the one documented error text that means that there is no conversation.
const notFound = "Conversation not found"

// Thread implements [upstream.Store]. Messages have neither ids nor times: the
// id is made from the conversation's and the message's place in it, and the
// time is null.
func (s *Store) Thread(ctx context.Context, id string) (upstream.Thread, error) {
	if !upstream.ValidID(id) {
		return upstream.Thread{}, &upstream.Error{Kind: upstream.NotFound, Source: Kind, Op: upstream.OpThread}
	}
	call := client.Call{Op: upstream.OpThread, Path: []string{"api", "conversations", id}}
	return client.Fetch(ctx, s.client, call, func(r client.Reply) (upstream.Thread, error) {
		return decodeThread(id, r.Status, r.Body)
	})
}

// answer is the answer to a read; Status says whether it went well, and is
// false beside an Error.
type answer struct {
	Status  *bool      `json:"status"`
	Error   *string    `json:"error"`
	History *[]message `json:"history"` // oldest first

	Variables          json.RawMessage `json:"variables"`
	ExternalIdentifier text            `json:"external_identifier"`
	WhatsappSender     party           `json:"whatsapp_sender"`
	Customer           party           `json:"customer"`
}

type message struct {
	Role          *string        `json:"role"`
	Content       *string        `json:"content"`
	FunctionCalls []functionCall `json:"function_calls"`
}

type functionCall struct {
	Name      string          `json:"name"`
	Arguments json.RawMessage `json:"arguments"`
	Result    json.RawMessage `json:"result"`
}

// decodeThread reads the answer to a read of the conversation id.
func decodeThread(id string, code int, body []byte) (upstream.Thread, error) {
	var a answer
	err := client.Decode(body, &a)
	if code < 200 || code > 299 {
		return upstream.Thread{}, failure(code, &a, err)
	}
	switch {
	case err != nil:
		return upstream.Thread{}, err
	case a.Status == nil:
		return upstream.Thread{}, errors.New("a read without status")
	case !*a.Status:
		return upstream.Thread{}, failure(code, &a, nil)
	case a.History == nil:
		return upstream.Thread{}, errors.New("a read without history")
	}
	return a.thread(id)
}

// failure says what an answer means that brings no conversation. A 404 that is
// not the server's own JSON comes from something in between and proves nothing.
func failure(code int, a *answer, bad error) error {
	switch missing := code == http.StatusNotFound || code == http.StatusGone; {
	case bad == nil && a.Error != nil && missing:
		return upstream.NotFound
	case missing:
		return upstream.BadResponse
	case bad == nil && a.Error != nil && *a.Error == notFound && a.Status != nil && !*a.Status:
		return upstream.NotFound
	}
	return upstream.UpstreamError
}

func (a *answer) thread(id string) (upstream.Thread, error) {
	t := upstream.Thread{
		Messages: make([]upstream.Message, len(*a.History)),
		Hints: upstream.Hints{
			ExternalIdentifier: a.ExternalIdentifier.s,
			WhatsappSender:     a.WhatsappSender.p,
			Customer:           a.Customer.p,
		},
	}
	var err error
	if a.Variables != nil {
		if t.Hints.Variables, err = upstream.Object(a.Variables); err != nil {
			return upstream.Thread{}, errors.New("the variables are not an object")
		}
	}
	space := namespace(id)
	for i := range *a.History {
		if t.Messages[i], err = (*a.History)[i].message(); err != nil {
			return upstream.Thread{}, err
		}
		t.Messages[i].ID = uuid.NewSHA1(space, strconv.AppendInt(nil, int64(i), 10)).String()
	}
	return t, nil
}

func (m *message) message() (upstream.Message, error) {
	if m.Role == nil || *m.Role == "" {
		return upstream.Message{}, errors.New("a message without role")
	}
	out := upstream.Message{Role: *m.Role, FunctionCalls: make([]upstream.FunctionCall, len(m.FunctionCalls))}
	if m.Content != nil {
		out.Content = *m.Content
	}
	for i, f := range m.FunctionCalls {
		arguments, err := value(f.Arguments)
		if err != nil {
			return upstream.Message{}, err
		}
		result, err := value(f.Result)
		if err != nil {
			return upstream.Message{}, err
		}
		out.FunctionCalls[i] = upstream.FunctionCall{Name: f.Name, Arguments: arguments, Result: result}
	}
	return out, nil
}

// namespace returns the UUID under which ids within a conversation are made.
// It must never change, or the same message would get another id.
func namespace(conversation string) uuid.UUID {
	return uuid.NewSHA1(uuid.NameSpaceURL, []byte("https://app.autocalls.ai/api/conversations/"+conversation))
}
