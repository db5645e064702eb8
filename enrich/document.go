package enrich

import (
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"time"

	"github.com/weft-gateway/weft/upstream"
)

// builder splices a document. What it is told to settle goes into the entity
// tag; the reports, with their ages and times, do not.
type builder struct {
	b    []byte
	tag  hash.Hash
	from int // start of what is not in the tag yet
}

func newBuilder(size int) *builder {
	return &builder{b: make([]byte, 0, size), tag: sha256.New()}
}

// settle puts what was written since the last call into the tag.
func (w *builder) settle() {
	w.tag.Write(w.b[w.from:])
	w.from = len(w.b)
}

// reports writes an enrichment object: complete, link, and the named parts.
func (w *builder) reports(complete bool, rule string, link Report, parts []NamedReport) {
	w.settle()
	b := append(w.b, `"enrichment":{"complete":`...)
	b = appendBool(b, &complete)
	b = append(b, `,"link":{"rule":`...)
	b = appendID(b, rule)
	b = append(append(append(b, `,"state":"`...), link.State...), '"')
	if link.Reason != "" {
		b = append(append(append(b, `,"reason":"`...), link.Reason...), '"')
	}
	b = append(b, '}')
	w.tag.Write([]byte(rule + "=" + link.settled() + ";"))
	for _, p := range parts {
		b = append(append(append(b, `,"`...), p.Name...), `":`...)
		b = p.append(b)
		w.tag.Write([]byte(p.Name + "=" + p.settled() + ";"))
	}
	w.b = append(b, '}')
	w.from = len(w.b)
}

func (w *builder) sum() string {
	w.settle()
	return hex.EncodeToString(w.tag.Sum(nil)[:16])
}

// derive works out what the store leaves open. Only a store that does not
// prove ownership has its count corrected: its row may be older than its thread.
func (j *join) derive() (status upstream.Status, attention []upstream.AttentionItem, count int) {
	c := j.conversation
	var seen *upstream.Thread
	count = c.MessageCount
	if j.thread != nil {
		seen = &upstream.Thread{Messages: j.thread.messages}
		if _, ok := j.t.proves(); !ok {
			count = max(count, len(j.thread.messages))
		}
	}
	d := j.t.Store.Derive(c, seen)
	return d.Status, d.AttentionItems, count
}

// document writes the answer. The parts are spliced as they are kept.
func (j *join) document() *Document {
	status, derived, count := j.derive()
	if _, ok := j.t.Store.(upstream.AttentionReader); !ok && j.r.wants(PartAttentionItems) {
		j.itemsReport, j.items = j.convReport, appendJSON(nil, derived)
	}
	var messages []byte
	if j.thread != nil {
		messages = j.thread.json
	}
	w := newBuilder(2048 + len(messages) + len(j.side.contactJSON) + len(j.side.accountJSON) + len(j.items))
	shown := head{c: j.conversation, side: &j.side, status: status, count: count, costs: j.r.Costs, hide: j.t.hides(hideVariables)}
	b := shown.append(append(w.b, '{'))
	b = appendRaw(append(b, `,"messages":`...), messages)
	b = appendRaw(append(b, `,"attentionItems":`...), j.items)
	w.b = append(b, ',')
	parts := []NamedReport{
		{string(PartConversation), j.convReport}, {string(PartMessages), j.threadReport},
		{string(PartContact), j.side.contact}, {string(PartAccount), j.side.account},
		{string(PartAttentionItems), j.itemsReport},
	}
	w.reports(complete(j.side.link, parts), j.side.rule, j.side.link, parts)
	w.b = append(w.b, '}')
	for _, p := range parts {
		j.e.cfg.Observe(Part(p.Name), p.State, p.Reason)
	}
	parts = append(parts, NamedReport{"link", j.side.link})
	d := &Document{Body: w.b, Tag: w.sum(), Parts: parts, Took: time.Since(j.start)}
	d.Shown.add(j.conversation.ID, &j.side)
	return d
}

// complete reports whether everything that was asked for is all that there is.
func complete(link Report, parts []NamedReport) bool {
	if !link.whole() {
		return false
	}
	for _, p := range parts {
		if !p.whole() {
			return false
		}
	}
	return true
}

// head is what a document and a list row have in common: the conversation's
// own fields, and the records of the CRM.
type head struct {
	c      *upstream.Conversation
	side   *side
	status upstream.Status
	count  int
	costs  bool // totalCost may be shown
	hide   bool // variables may not
}

func (h head) append(b []byte) []byte {
	c := h.c
	b = appendString(append(b, `"id":`...), c.ID)
	b = appendString(append(b, `,"tenantId":`...), c.TenantID)
	b = appendString(append(b, `,"workspaceId":`...), c.WorkspaceID)
	b = appendString(append(b, `,"channelId":`...), c.ChannelID)
	b = appendID(append(b, `,"contactId":`...), h.side.contactID)
	b = appendID(append(b, `,"accountId":`...), h.side.accountID)
	b = appendString(append(b, `,"status":`...), string(h.status))
	b = appendOptional(append(b, `,"summary":`...), c.Summary)
	b = appendOptional(append(b, `,"subject":`...), c.Subject)
	b = appendOptional(append(b, `,"outcome":`...), c.Outcome)
	b = appendInt(append(b, `,"messageCount":`...), h.count)
	b = appendTime(append(b, `,"lastMessageAt":`...), c.LastMessageAt)
	b = appendTime(append(b, `,"createdAt":`...), &c.CreatedAt)
	b = appendTime(append(b, `,"updatedAt":`...), &c.UpdatedAt)
	b = appendOptional(append(b, `,"type":`...), c.Type)
	b = appendBool(append(b, `,"aiEnabled":`...), c.AIEnabled)
	b = appendOptional(append(b, `,"externalIdentifier":`...), c.ExternalIdentifier)
	b = append(b, `,"variables":`...)
	if h.hide {
		b = appendRaw(b, nil)
	} else {
		b = appendRaw(b, c.Variables)
	}
	b = appendAssistant(append(b, `,"assistant":`...), c.Assistant)
	b = appendParty(append(b, `,"whatsappSender":`...), c.WhatsappSender)
	b = appendParty(append(b, `,"customer":`...), c.Customer)
	if h.costs && c.TotalCost != nil {
		b = appendJSON(append(b, `,"totalCost":`...), *c.TotalCost)
	}
	b = appendRaw(append(b, `,"contact":`...), h.side.contactJSON)
	return appendRaw(append(b, `,"account":`...), h.side.accountJSON)
}
