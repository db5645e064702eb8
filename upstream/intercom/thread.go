package intercom

import (
	"errors"
	"slices"
	"strings"

	"github.com/weft-gateway/weft/upstream"
)

// said are the types of parts that hold what somebody said. Others are events
// and notes, which are not for customers, as what is written along with an
// assignment may be.
func said() []string { return []string{"comment", "quick_reply", "open", "close"} }

// thread reads the messages of a conversation: what it began with, and the parts
// that hold something.
func thread(f upstream.Fields) (upstream.Thread, error) {
	list := f.Object("conversation_parts")
	parts := list.List("conversation_parts")
	if parts == nil {
		return upstream.Thread{}, errors.New("a conversation without parts")
	}
	t := upstream.Thread{Messages: []upstream.Message{}}
	if source := f.Object("source"); source != nil {
		if m := message(source); m.Content != "" {
			m.ID, m.CreatedAt = "source-"+text(f, "id"), f.Unix("created_at")
			t.Messages = append(t.Messages, m)
		}
	}
	if total := list.Count("total_count"); total != nil && *total > len(parts) {
		t.Messages = append(t.Messages, upstream.Message{
			ID: "cut-" + text(f, "id"), Role: "system", FunctionCalls: []upstream.FunctionCall{},
			Content: "Earlier messages are not shown: Intercom gives the newest 500 parts of a conversation.",
		})
	}
	for _, raw := range parts {
		part := upstream.ReadFields(raw)
		if !slices.Contains(said(), text(part, "part_type")) {
			continue
		}
		m := message(part)
		if m.Content == "" { // an event without a word
			continue
		}
		id, ok := part.ID("id")
		if !ok || id == nil {
			return upstream.Thread{}, errors.New("a part without a usable id")
		}
		m.ID, m.CreatedAt = *id, part.Unix("created_at")
		t.Messages = append(t.Messages, m)
	}
	return t, nil
}

// message reads a text and its author. An attachment is a line that names it,
// without its address, which lets in everyone who knows it.
func message(f upstream.Fields) upstream.Message {
	var lines []string
	if body := f.Text("body"); body != nil {
		lines = append(lines, *body)
	}
	for _, raw := range f.List("attachments") {
		if a := upstream.ReadFields(raw); a != nil {
			lines = append(lines, "["+strings.TrimSpace("file "+text(a, "name"))+"]")
		}
	}
	return upstream.Message{
		Role: role(f.Object("author")), Content: strings.Join(lines, "\n"), FunctionCalls: []upstream.FunctionCall{},
	}
}

// role is who said it. A bot and the AI agent, which may speak in a person's
// name, are the assistant.
func role(author upstream.Fields) string {
	ai := author.Flag("from_ai_agent")
	switch kind := text(author, "type"); {
	case slices.Contains(customers(), kind):
		return "user"
	case kind == "bot" || ai != nil && *ai:
		return "assistant"
	case kind == "admin" || kind == "team":
		return "agent"
	}
	return "system"
}
