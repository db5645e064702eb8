package enrich

import "github.com/weft-gateway/weft/upstream"

// Records that come back from Redis are read in one pass: as far as they are
// looked at, and whether they are JSON.

var (
	conversationNames = []string{
		"id", "tenantId", "workspaceId", "channelId", "contactId", "accountId", "status", "summary", "subject", "outcome",
		"messageCount", "lastMessageAt", "createdAt", "updatedAt", "type", "aiEnabled", "externalIdentifier", "variables",
		"assistant", "whatsappSender", "customer", "totalCost", "inbox", "linked",
	}
	assistantNames = []string{"id", "name"}
	messageNames   = []string{"role", "createdAt"}
	contactNames   = []string{"id", "accountId"}
	linkNames      = []string{"contactId", "accountId", "ambiguous"}
)

// conversationTexts is how many texts a conversation has, its parties' among them.
const conversationTexts = 19

func decodeConversation(b []byte) (*upstream.Conversation, error) {
	s, c := upstream.NewScanner(b), new(upstream.Conversation)
	s.Expect(conversationTexts)
	s.Object(conversationNames, func(name string) { readConversation(s, c, name) })
	return c, s.End()
}

func readConversation(s *upstream.Scanner, c *upstream.Conversation, name string) {
	switch name {
	case "id":
		c.ID = deref(s.Text())
	case "tenantId":
		c.TenantID = deref(s.Text())
	case "workspaceId":
		c.WorkspaceID = deref(s.Text())
	case "channelId":
		c.ChannelID = deref(s.Text())
	case "contactId":
		c.ContactID = s.Text()
	case "accountId":
		c.AccountID = s.Text()
	case "status":
		c.Status = upstream.Status(deref(s.Text()))
	case "summary":
		c.Summary = s.Text()
	case "subject":
		c.Subject = s.Text()
	case "outcome":
		c.Outcome = s.Text()
	case "messageCount":
		if n := s.Int(); n != nil {
			c.MessageCount = *n
		}
	default:
		readMore(s, c, name)
	}
}

func readMore(s *upstream.Scanner, c *upstream.Conversation, name string) {
	switch name {
	case "lastMessageAt":
		c.LastMessageAt = s.Time()
	case "createdAt":
		s.TimeInto(&c.CreatedAt)
	case "updatedAt":
		s.TimeInto(&c.UpdatedAt)
	case "type":
		c.Type = s.Text()
	case "aiEnabled":
		c.AIEnabled = s.Bool()
	case "externalIdentifier":
		c.ExternalIdentifier = s.Text()
	case "variables":
		c.Variables = s.Raw()
	case "assistant":
		c.Assistant = readAssistant(s)
	case "whatsappSender":
		c.WhatsappSender = upstream.ReadParty(s)
	case "customer":
		c.Customer = upstream.ReadParty(s)
	case "totalCost":
		c.TotalCost = s.Float()
	case "inbox":
		c.Inbox = deref(s.Text())
	case "linked":
		if v := s.Bool(); v != nil {
			c.Linked = *v
		}
	}
}

func readAssistant(s *upstream.Scanner) *upstream.Assistant {
	if s.Null() {
		return nil
	}
	a := new(upstream.Assistant)
	s.Object(assistantNames, func(name string) {
		if name == "id" {
			a.ID = deref(s.Text())
		} else {
			a.Name = s.Text()
		}
	})
	return a
}

// decodeThread leaves the messages alone: few stores have anything derived of them.
func decodeThread(b []byte) (*thread, error) {
	return with(new(thread), b), valid(b)
}

// readBriefs reads the messages of a thread.
func readBriefs(b []byte) []brief {
	var briefs []brief
	s := upstream.NewScanner(b)
	s.Array(func() {
		var role *string
		var at *upstream.Time
		s.Object(messageNames, func(name string) {
			if name == "role" {
				role = s.Text()
			} else {
				at = s.Time()
			}
		})
		briefs = append(briefs, newBrief(deref(role), at))
	})
	return briefs
}

func decodeContact(b []byte) (*contact, error) {
	c := with(new(contact), b)
	s := upstream.NewScanner(b)
	s.Object(contactNames, func(name string) {
		if name == "id" {
			c.id = deref(s.Text())
		} else {
			c.accountID = deref(s.Text())
		}
	})
	together(&c.id, &c.accountID)
	return c, s.End()
}

func decodeLink(b []byte) (*link, error) {
	l := new(link)
	s := upstream.NewScanner(b)
	s.Object(linkNames, func(name string) {
		switch name {
		case "contactId":
			l.ContactID = deref(s.Text())
		case "accountId":
			l.AccountID = deref(s.Text())
		default:
			v := s.Bool()
			l.Ambiguous = v != nil && *v
		}
	})
	return l, s.End()
}

func decodeAccount(b []byte) (*account, error) {
	return with(new(account), b), valid(b)
}

func decodeItems(b []byte) (*items, error) {
	return with(new(items), b), valid(b)
}

// valid returns what is wrong with b as JSON.
func valid(b []byte) error {
	s := upstream.NewScanner(b)
	s.Skip()
	return s.End()
}
