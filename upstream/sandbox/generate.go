package sandbox

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"time"
)

// span is how far back the generated conversations go.
const span = 90 * 24 * time.Hour

// foreigners is how many conversations Initech has at most.
const foreigners = 20

// fill makes all records: the fixed ones, then the generated ones.
func (s *Sandbox) fill(cfg Config) {
	s.crmRecords.documentedRecords()
	s.crmRecords.linkedRecords()
	for _, c := range append(documented(cfg.Timezone), linking(cfg.Timezone)...) {
		s.autocallsRecords.add(c)
	}
	s.autocallsRecords.add(foreign(cfg.Timezone))
	s.nativeRecords.add(danglingNative())
	s.nativeRecords.add(documentedNative())

	now := cfg.Now()
	newGenerator(cfg, 11, Acme).fill(s.autocallsRecords, s.crmRecords, cfg.Conversations, now)
	newGenerator(cfg, 12, Globex).fill(s.nativeRecords, s.crmRecords, cfg.Conversations, now)
	newGenerator(cfg, 13, Initech).fill(s.autocallsRecords, nil, min(cfg.Conversations, foreigners), now)
}

// generator makes the records of one tenant.
type generator struct {
	tenant     string
	src        *rand.ChaCha8
	rng        *rand.Rand
	people     []contact
	assistants []assistant
}

func newGenerator(cfg Config, stream uint64, tenant string) *generator {
	src := source(cfg.Seed, stream)
	return &generator{tenant: tenant, src: src, rng: rand.New(src), assistants: assistantsOf(tenant)}
}

// fill makes n conversations, and contacts for them unless crm is nil.
func (g *generator) fill(to *archive, crm *registry, n int, now time.Time) {
	g.crm(crm, n/3, now)
	for i := range n {
		slot := span / time.Duration(n)
		created := now.Add(-span + time.Duration(i)*slot + g.upTo(slot))
		to.add(g.conversation(created.Truncate(time.Second), now))
	}
}

// upTo is a part of d, at random.
func (g *generator) upTo(d time.Duration) time.Duration { return time.Duration(g.rng.Int64N(int64(d))) }

// chance is true in percent of the cases.
func (g *generator) chance(percent int) bool { return g.rng.IntN(100) < percent }

func pick[T any](g *generator, list ...T) T { return list[g.rng.IntN(len(list))] }

func (g *generator) conversation(created, now time.Time) *conversation {
	c := &conversation{
		id: newID(g.src), tenant: g.tenant, created: created, aiOn: !g.chance(12),
		assistant: pick(g, g.assistants[:min(3, len(g.assistants))]...),
		variables: raw(pick(g, `null`, `{}`)),
		cost:      math.Round(g.rng.Float64()*200) / 1e4,
	}
	who := g.person()
	switch roll := g.rng.IntN(100); {
	case roll < 40:
		c.kind, c.variables = "widget", g.formFields(who)
	case roll < 70:
		c.kind, c.sender, c.customer = "whatsapp", g.sender(), g.customer(who)
	case roll < 90:
		c.kind, c.external = "api", g.reference(who)
		c.variables = raw(`{"source":"website","attempt":` + fmt.Sprint(1+g.rng.IntN(3)) + `}`)
	default:
		c.kind = "test"
	}
	c.messages = g.script(c, who)
	for i, m := range c.messages {
		if m.at.After(now) {
			c.messages[i].at = now
		}
	}
	c.updated = c.lastMessage()
	if g.tenant == Globex {
		g.nativeFields(c, who)
	}
	return c
}

// person is one of the contacts, or with a chance of one in five a stranger.
func (g *generator) person() contact {
	if len(g.people) > 0 && !g.chance(20) {
		return pick(g, g.people...)
	}
	first, last := g.name()
	return contact{
		FirstName: &first, LastName: &last, Phone: ptr(g.phone(g.rng.IntN(1_000_000))),
		Email: ptr(strings.ToLower(first+"."+last) + "@stranger.example"),
	}
}

// formFields are what the form of the chat widget sent: some of it a key.
func (g *generator) formFields(who contact) []byte {
	name := *who.FirstName + " " + *who.LastName
	switch g.rng.IntN(6) {
	case 0, 1:
		return encode(map[string]any{"user_name": name, "email": who.Email, "newsletter": g.chance(30)})
	case 2:
		if who.ID != "" {
			return encode(map[string]any{"crm_contact_id": who.ID, "visits": 1 + g.rng.IntN(40)})
		}
	case 3:
		return raw(`{}`)
	case 4:
		return raw(`null`)
	}
	return encode(map[string]any{"user_name": name, "plan": pick(g, "free", "basic", "premium")})
}

func (g *generator) sender() *party {
	if g.tenant != Acme {
		return &party{"Reception", "+442079460018"}
	}
	return pick(g, supportLine(), &party{"Acme Corp Sales", "+442071234567"})
}

// customer is named or not, and has the number in E.164 in any case.
func (g *generator) customer(who contact) *party {
	p := &party{Phone: plain("phone", *who.Phone)}
	if g.chance(80) {
		p.Name = *who.FirstName + " " + *who.LastName
	}
	return p
}

// reference is the caller's own: the CRM's of the person, another, or none.
func (g *generator) reference(who contact) string {
	switch {
	case who.ExternalRef != nil && g.chance(85):
		return *who.ExternalRef
	case g.chance(50):
		return fmt.Sprintf("ticket-%06d", g.rng.IntN(1_000_000))
	}
	return ""
}
