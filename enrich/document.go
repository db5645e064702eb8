package enrich

import (
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/weft-gateway/weft/upstream"
)

// builder splices a document. What it is told to settle goes into the entity
// tag; the reports, with their ages and times, do not.
type builder struct {
	b    []byte
	tag  hash.Hash
	from int    // start of what is not in the tag yet
	said []byte // what reports are in the tag, to be written over
	room [sha256.Size]byte
}

// begin begins another document at the start of b, and writes over what was there.
func (w *builder) begin(b []byte) {
	w.b, w.from = b[:0], 0
	if w.tag == nil {
		w.tag = sha256.New()
	}
	w.tag.Reset()
}

// settle puts what was written since the last call into the tag.
func (w *builder) settle() {
	w.tag.Write(w.b[w.from:])
	w.from = len(w.b)
}

// reports writes an enrichment object: complete, link, and the named parts.
func (w *builder) reports(complete bool, rule string, link Report, parts []NamedReport) {
	w.settle()
	said := link.appendSettled(append(append(w.said[:0], rule...), '='))
	for _, p := range parts {
		said = p.appendSettled(append(append(append(said, ';'), p.Name...), '='))
	}
	w.said = append(said, ';')
	w.tag.Write(w.said)
	w.b = appendReports(w.b, complete, rule, link, parts)
	w.from = len(w.b)
}

// appendReports writes what reports does.
func appendReports(b []byte, complete bool, rule string, link Report, parts []NamedReport) []byte {
	b = strconv.AppendBool(append(b, `"enrichment":{"complete":`...), complete)
	b = appendID(append(b, `,"link":{"rule":`...), rule)
	b = append(append(append(b, `,"state":"`...), link.State...), '"')
	if link.Reason != "" {
		b = append(append(append(b, `,"reason":"`...), link.Reason...), '"')
	}
	b = append(b, '}')
	for _, p := range parts {
		b = append(append(append(b, `,"`...), p.Name...), `":`...)
		b = p.append(b)
	}
	return append(b, '}')
}

func (w *builder) sum() string {
	w.settle()
	var text [32]byte
	hex.Encode(text[:], w.tag.Sum(w.room[:0])[:len(text)/2])
	return string(text[:])
}

// derives reports whether messages have to be looked at for what the store leaves open.
func (t *Tenant) derives() bool {
	_, proves := t.proves()
	_, items := t.Store.(upstream.AttentionReader)
	return !proves || !items
}

// derive works out what the store leaves open. Only a store that does not
// prove ownership has its count corrected: its row may be older than its thread.
func (j *join) derive() (status upstream.Status, attention []upstream.AttentionItem, count int) {
	c := j.conversation
	var seen *upstream.Thread
	count = c.MessageCount
	_, proves := j.t.proves()
	if j.thread != nil && j.t.derives() {
		seen = j.thread.seen()
		if !proves {
			count = max(count, len(seen.Messages))
		}
	}
	d := j.t.Store.Derive(c, seen)
	return d.Status, d.AttentionItems, count
}

// body is a document up to its reports. Its pieces are those that the cache keeps.
type body struct {
	head
	messages, items *text
}

func (p *body) append(b []byte) []byte {
	b = p.head.append(append(b, '{'))
	b = p.messages.append(append(b, `,"messages":`...))
	b = p.items.append(append(b, `,"attentionItems":`...))
	return append(b, ',')
}

// document writes the answer. The parts are spliced as they are kept.
func (j *join) document() (*Document, body) {
	status, derived, count := j.derive()
	if _, ok := j.t.Store.(upstream.AttentionReader); !ok && j.r.wants(PartAttentionItems) {
		j.itemsReport, j.items = j.convReport, with(new(text), appendJSON(nil, derived))
	}
	b := body{head: newHead(j.t, j.conversation, &j.side), items: j.items}
	b.status, b.count, b.costs = status, int32(min(count, math.MaxInt32)), j.r.Costs
	if j.thread != nil {
		b.messages = &j.thread.text
	}
	spare := j.e.spares.Get().(*spare)
	d, w := &spare.doc, &spare.builder
	w.begin(slices.Grow(d.Body[:0], 2048+b.messages.size()+b.contact.size()+b.account.size()+b.items.size()))
	w.b = b.append(w.b)
	parts := append(d.Parts[:0],
		NamedReport{string(PartConversation), j.convReport}, NamedReport{string(PartMessages), j.threadReport},
		NamedReport{string(PartContact), j.side.contact}, NamedReport{string(PartAccount), j.side.account},
		NamedReport{string(PartAttentionItems), j.itemsReport})
	w.reports(complete(j.side.link, parts), j.side.rule, j.side.link, parts)
	w.b = append(w.b, '}')
	for i := range parts {
		j.e.cfg.Observe(Part(parts[i].Name), parts[i].State, parts[i].Reason)
	}
	parts = append(parts, NamedReport{"link", j.side.link})
	d.Tag = w.sum()
	d.Body, d.Parts, d.Took, d.Shown = w.b, parts, time.Since(j.start), b.shown()
	return d, b
}

// complete reports whether everything that was asked for is all that there is.
func complete(link Report, parts []NamedReport) bool {
	if !link.Whole() {
		return false
	}
	for _, p := range parts {
		if !p.Whole() {
			return false
		}
	}
	return true
}

// head is what a document and a list row have in common: the conversation's
// own fields, and the records of the CRM.
type head struct {
	c                *upstream.Conversation // nil: copied is shown
	copied           *conversation
	ids              *ids
	contact, account *text
	status           upstream.Status
	count            int32
	costs            bool // totalCost may be shown
	hide             bool // variables may not
}

// ids are what a head begins with. Those of records are arrays, as [Shown] needs slices.
type ids struct {
	conversation, contact, account [1]string
	tenant, workspace, channel     string
}

func newHead(t *Tenant, c *upstream.Conversation, s *side) head {
	return head{
		c: c, ids: &ids{[1]string{c.ID}, [1]string{s.contactID}, [1]string{s.accountID}, c.TenantID, c.WorkspaceID, c.ChannelID}, contact: s.contactText, account: s.accountText,
		hide: t.hides(hideVariables),
	}
}

// shown is what is shown of the conversation.
func (h *head) shown() Shown {
	s := Shown{Conversations: h.ids.conversation[:]}
	if h.contact != nil {
		s.Contacts = h.ids.contact[:]
	}
	if h.account != nil {
		s.Accounts = h.ids.account[:]
	}
	return s
}

func (h *head) append(b []byte) []byte {
	if h.c == nil {
		b = h.copied.fields(b, h)
	} else {
		b = h.fields(b, h.c)
	}
	b = h.contact.append(append(b, `,"contact":`...))
	return h.account.append(append(b, `,"account":`...))
}

// named writes what comes first of the conversation's own fields.
func (h *head) named(b []byte) []byte {
	b = appendString(append(b, `"id":`...), h.ids.conversation[0])
	b = appendString(append(b, `,"tenantId":`...), h.ids.tenant)
	b = appendString(append(b, `,"workspaceId":`...), h.ids.workspace)
	b = appendString(append(b, `,"channelId":`...), h.ids.channel)
	b = appendID(append(b, `,"contactId":`...), h.ids.contact[0])
	b = appendID(append(b, `,"accountId":`...), h.ids.account[0])
	return appendString(append(b, `,"status":`...), string(h.status))
}

// fields writes the conversation's own.
func (h *head) fields(b []byte, c *upstream.Conversation) []byte {
	b = h.named(b)
	b = appendOptional(append(b, `,"summary":`...), c.Summary)
	b = appendOptional(append(b, `,"subject":`...), c.Subject)
	b = appendOptional(append(b, `,"outcome":`...), c.Outcome)
	b = appendInt(append(b, `,"messageCount":`...), int(h.count))
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
		b = appendFloat(append(b, `,"totalCost":`...), c.TotalCost)
	}
	return b
}
