package main

import (
	"reflect"
	"strings"
	"time"

	"github.com/weft-gateway/weft/upstream"
)

// The bounds of what can be set. A breaker looks back for 30 s and has to see
// at least two calls that use up their deadline.
const (
	maxCall  = 15 * time.Second // a request too: nothing in it may take longer
	maxRedis = 3 * time.Second  // a batch of writes takes four of them, of which the 30 s hold two
	maxAge   = 365 * 24 * time.Hour
)

// The kinds of sources.
const (
	kindAutocalls = "autocalls"
	kindNative    = "native"
	kindREST      = "rest"

	kindChatwoot = "chatwoot"
	kindIntercom = "intercom"

	kindHubSpot    = "hubspot"
	kindSalesforce = "salesforce"
	kindPipedrive  = "pipedrive"
	kindTwenty     = "twenty"
)

// storeKinds are the kinds of conversation stores.
func storeKinds() []string {
	return []string{kindAutocalls, kindNative, kindChatwoot, kindIntercom}
}

// crmKinds are the kinds of CRMs.
func crmKinds() []string {
	return []string{kindREST, kindHubSpot, kindSalesforce, kindPipedrive, kindTwenty}
}

// shape is the form of the whole file.
func (c *Config) shape() fields {
	return fields{
		"listen": address(&c.Listen),
		"ops": fields{
			"listen": address(&c.Ops.Listen),
			"keys":   listOf(&c.Ops.Keys, (*Key).opsShape),
			"hosts":  listOf(&c.Ops.Hosts, hostName),
		},
		"redis": fields{"url": redisURL(&c.Redis.URL)},
		"deadlines": fields{
			"request": duration(&c.Deadlines.Request, maxCall),
			"store":   duration(&c.Deadlines.Store, maxCall),
			"crm":     duration(&c.Deadlines.CRM, maxCall),
			"redis":   duration(&c.Deadlines.Redis, maxRedis),
		},
		"cache": fields{
			"memory":       memory(&c.Cache.Memory),
			"contact":      c.Cache.Contact.shape("fresh", "stale", "missing"),
			"account":      c.Cache.Account.shape("fresh", "stale", "missing"),
			"conversation": c.Cache.Conversation.shape("fresh", "stale"),
			"link":         c.Cache.Link.shape("fresh", "stale", "missing"),
			"encryption":   listOf(&c.Cache.Encryption, (*EncryptionKey).shape),
		},
		"audit": fields{"file": text(&c.Audit.File), "hash": boolean(&c.Audit.Hash)},
		"limits": fields{
			"in_flight": between(&c.Limits.InFlight, minRequests, maxRequests),
			"tenant":    c.Limits.Tenant.shape(), "key": c.Limits.Key.shape(),
		},
		"issuers": listOf(&c.Issuers, (*Issuer).shape),
		"tenants": required{listOf(&c.Tenants, (*Tenant).shape)},

		"log":    fields{"level": oneOf(&c.Log.Level, "debug", "info", "warn", "error"), "access": between(&c.Log.Access, 0, maxSampled)},
		"reload": oneOf(&c.Reload, reloadOff, reloadSignal, reloadWatch),
		"drain":  fields{"delay": durationOrNone(&c.Drain.Delay, maxDrain), "timeout": duration(&c.Drain.Timeout, maxDrain)},

		"hsts":            boolean(&c.HSTS),
		"allow_addresses": listOf(&c.AllowAddresses, addressRange),
	}
}

// shape is the form of a policy with the given times, and revalidate.
func (p *Policy) shape(keys ...string) fields {
	all := map[string]*time.Duration{"fresh": &p.Fresh, "stale": &p.Stale, "missing": &p.Missing}
	f := make(fields)
	for _, key := range keys {
		f[key] = duration(all[key], maxAge)
	}
	f["revalidate"] = durationOrNone(&p.Revalidate, maxAge)
	return f
}

func (t *Tenant) shape() fields {
	return fields{
		"id":           required{identifier(&t.ID)},
		"name":         text(&t.Name),
		"workspace":    identifier(&t.Workspace),
		"workspaces":   listOf(&t.Workspaces, (*WorkspaceRule).shape),
		"channels":     listOf(&t.Channels, (*ChannelRule).shape),
		"keys":         listOf(&t.Keys, (*Key).shape),
		"store":        required{t.Store.shape(storeKinds()...)},
		"crm":          optional(func() shape { t.CRM = new(Source); return t.CRM.shape(crmKinds()...) }),
		"limits":       t.Limits.shape(),
		"link":         listOf(&t.Link, (*LinkRule).shape),
		"hide":         listOf(&t.Hide, func(s *string) scalar { return oneOf(s, "functionCalls", "variables") }),
		"cors":         listOf(&t.CORS, origin),
		"phone_region": region(&t.PhoneRegion),
	}
}

func (w *WorkspaceRule) shape() fields {
	return fields{
		"id":         required{identifier(&w.ID)},
		"assistants": listOf(&w.Assistants, identifier),
		"senders":    listOf(&w.Senders, text),
		"types":      listOf(&w.Types, conversationType),
		"inboxes":    listOf(&w.Inboxes, identifier),
	}
}

func (c *ChannelRule) shape() fields {
	return fields{
		"id":        required{identifier(&c.ID)},
		"type":      conversationType(&c.Type),
		"sender":    text(&c.Sender),
		"assistant": identifier(&c.Assistant),
	}
}

func conversationType(dst *string) scalar { return oneOf(dst, "test", "widget", "whatsapp", "api") }

func (k *Key) shape() fields {
	return fields{
		"id":         required{identifier(&k.ID)},
		"sha256":     required{digest(&k.SHA256)},
		"scopes":     required{listOf(&k.Scopes, scope)},
		"workspaces": listOf(&k.Workspaces, identifier),
		"expires":    instant(&k.Expires),
		"limits":     k.Limits.shape(),
	}
}

// opsShape is the form of a key of the ops listener, which has all its rights.
func (k *Key) opsShape() fields {
	return fields{
		"id":     required{identifier(&k.ID)},
		"sha256": required{digest(&k.SHA256)},
	}
}

func (s *Source) shape(kinds ...string) fields {
	s.Retry = true // unless the file says otherwise
	return fields{
		"kind":      required{oneOf(&s.Kind, kinds...)},
		"url":       required{baseURL(&s.URL)},
		"token":     token(&s.Token),
		"auth":      optional(func() shape { s.Auth = new(Auth); return s.Auth.shape() }),
		"timezone":  timezone(&s.Timezone),
		"account":   number(&s.Account),
		"variables": names{&s.Variables},
		"in_flight": between(&s.InFlight, minInFlight, maxInFlight),
		"share":     between(&s.Share, 1, maxInFlight),
		"retry":     boolean(&s.Retry),
		"envelope":  dotted(&s.Envelope),
		"paths": fields{
			"contacts": relativePath(&s.Paths.Contacts),
			"accounts": relativePath(&s.Paths.Accounts),
		},
		"params": fields{
			"ids":          text(&s.Params.IDs),
			"phone":        text(&s.Params.Phone),
			"email":        text(&s.Params.Email),
			"external_ref": text(&s.Params.ExternalRef),
		},
		"contact_fields": optional(func() shape { return renames[upstream.Contact](&s.ContactFields) }),
		"account_fields": optional(func() shape { return renames[upstream.Account](&s.AccountFields) }),
		"app_url":        baseURL(&s.AppURL),
		"external_ref":   fieldName(&s.ExternalRef),
		"contact_custom": names{&s.ContactCustom},
		"account_custom": names{&s.AccountCustom},
	}
}

// renames maps the fields of a record of ours, by their JSON names, to theirs.
func renames[Record any](dst *map[string]string) fields {
	*dst = make(map[string]string)
	f := make(fields)
	for field := range reflect.TypeFor[Record]().Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		switch name {
		case "-": // not of the record's own
		case "custom": // has keys of its own
		case "address":
			for part := range reflect.TypeFor[upstream.Address]().Fields() {
				key := name + "." + part.Tag.Get("json")
				f[key] = rename(*dst, key)
			}
			fallthrough
		default:
			f[name] = rename(*dst, name)
		}
	}
	return f
}

func rename(dst map[string]string, name string) scalar {
	return func(s string) error {
		var theirs string
		err := dotted(&theirs)(s)
		dst[name] = theirs
		return err
	}
}
