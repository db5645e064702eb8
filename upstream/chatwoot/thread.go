package chatwoot

import (
	"context"
	"errors"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/weft-gateway/weft/upstream"
	"github.com/weft-gateway/weft/upstream/client"
)

const (
	messagePage = 100 // messages after one, in one answer
	threadPages = 20  // pages that are read of a thread; a longer one is refused, not cut
)

// What message_type says.
const (
	incoming = iota
	outgoing
	activity
	template
)

// Thread implements [upstream.Store]. Messages come 100 a call, from the oldest
// on. Private notes are left out. An attachment is a line of the text that names
// it, without its address, which lets in everyone who knows it.
func (s *Store) Thread(ctx context.Context, id string) (upstream.Thread, error) {
	if !isNumber(id) {
		return upstream.Thread{}, unknown(upstream.OpThread)
	}
	t := upstream.Thread{Messages: []upstream.Message{}}
	after := "0"
	for range threadPages {
		p, err := s.messages(ctx, id, after)
		if err != nil {
			return upstream.Thread{}, err
		}
		t.Messages = append(t.Messages, p.messages...)
		if p.last == after || p.count < messagePage {
			return t, nil
		}
		after = p.last
	}
	return upstream.Thread{}, &upstream.Error{
		Kind: upstream.BadResponse, Source: Kind, Op: upstream.OpThread,
		Err: errors.New("the thread is longer than can be read"),
	}
}

// messagesAfter is a page of a thread.
type messagesAfter struct {
	messages []upstream.Message
	count    int    // with those that are left out
	last     string // id of the newest; that which was asked for where there is none
}

func (s *Store) messages(ctx context.Context, id, after string) (messagesAfter, error) {
	call := client.Call{Op: upstream.OpThread, Path: s.path(id, "messages"), Query: url.Values{"after": {after}}}
	return client.Fetch(ctx, s.client, call, func(r client.Reply) (messagesAfter, error) {
		if err := r.Err(); err != nil {
			return messagesAfter{}, err
		}
		return decodeMessages(r.Body, id, after)
	})
}

// decodeMessages reads the messages of a conversation that are newer than one.
func decodeMessages(body []byte, conversation, after string) (messagesAfter, error) {
	f, err := object(body)
	if err != nil {
		return messagesAfter{}, err
	}
	list := f.List("payload")
	if list == nil {
		return messagesAfter{}, errors.New("messages without a payload")
	}
	p := messagesAfter{last: after, count: len(list)}
	for _, raw := range list {
		m := upstream.ReadFields(raw)
		id, ok := m.ID("id")
		if !ok || id == nil || !isNumber(*id) {
			return messagesAfter{}, errors.New("a message without a usable id")
		}
		if of, ok := m.ID("conversation_id"); !ok || of != nil && *of != conversation {
			return messagesAfter{}, upstream.WrongRecord
		}
		if !newer(*id, after) {
			return messagesAfter{}, errors.New("a message that was not asked for")
		}
		if newer(*id, p.last) {
			p.last = *id
		}
		if private := m.Raw("private"); private == nil || string(private) == "false" { // anything else may be a note
			p.messages = append(p.messages, message(*id, m))
		}
	}
	return p, nil
}

// newer reports whether the number a is above b.
func newer(a, b string) bool {
	if len(a) != len(b) {
		return len(a) > len(b)
	}
	return a > b
}

func message(id string, m upstream.Fields) upstream.Message {
	out := upstream.Message{ID: id, Role: role(m), CreatedAt: m.Unix("created_at"), FunctionCalls: []upstream.FunctionCall{}}
	var lines []string
	if text := m.Text("content"); text != nil {
		lines = append(lines, *text)
	}
	for _, raw := range m.List("attachments") {
		if a := upstream.ReadFields(raw); a != nil {
			lines = append(lines, attachment(a))
		}
	}
	out.Content = strings.Join(lines, "\n")
	return out
}

// role is who wrote a message. What the company sends by a bot or by itself is
// the assistant's, what a person there writes is an agent's.
func role(m upstream.Fields) string {
	kind := m.Count("message_type")
	switch {
	case kind == nil || *kind == activity || *kind > template:
		return "system"
	case *kind == incoming:
		return "user"
	case *kind == outgoing && slices.Contains(person(), text(m.Object("sender"), "type")):
		return "agent"
	}
	return "assistant"
}

// person is how the sender of a message is called who is a person of the company.
func person() []string { return []string{"user", "agent", "User"} }

// attachment names a file in brackets, by its kind and its name.
func attachment(a upstream.Fields) string {
	kind, name := text(a, "file_type"), text(a, "fallback_title")
	if kind == "" {
		kind = "file"
	}
	if u, err := url.Parse(text(a, "data_url")); name == "" && err == nil && strings.Contains(strings.Trim(u.Path, "/"), "/") {
		name = path.Base(u.Path)
	}
	return "[" + strings.TrimSpace(kind+" "+name) + "]"
}

func text(f upstream.Fields, name string) string {
	if s := f.Text(name); s != nil {
		return *s
	}
	return ""
}
