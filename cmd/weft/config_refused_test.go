package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// sound is a file with nothing wrong, a line for each thing that can be.
const sound = `listen: 127.0.0.1:8080
ops: {listen: 127.0.0.1:9090, keys: []}
redis: {url: ""}
deadlines: {request: 3s, store: 1s, crm: 1s, redis: 50ms}
cache:
  memory: 32MiB
  contact: {fresh: 5m, stale: 168h, missing: 60s}
  conversation: {fresh: 2s, stale: 24h}
tenants:
  - id: acme
    workspace: main
    keys:
      - {id: inbox, sha256: "HASH1", scopes: [conversations:read], workspaces: []}
    store: {kind: autocalls, url: "http://store", token: "T0KEN"}
    crm: {kind: rest, url: "http://crm", token: "T0KEN"}
    link: [customer.phone]
    # more
  - id: globex
    keys:
      - {id: inbox, sha256: "HASH2", scopes: [conversations:read]}
    store:
      kind: native
      url: http://native
      token: T0KEN
`

const (
	hash1 = "1000000000000000000000000000000000000000000000000000000000000000"
	hash2 = "2000000000000000000000000000000000000000000000000000000000000000"
)

// broken returns the sound file with one piece of text replaced.
func broken(t *testing.T, from, to string) []byte {
	t.Helper()
	if !strings.Contains(sound, from) {
		t.Fatalf("the sound file has no %q", from)
	}
	text := strings.Replace(sound, from, to, 1)
	return []byte(strings.NewReplacer("HASH1", hash1, "HASH2", hash2).Replace(text))
}

func TestSound(t *testing.T) {
	if _, err := parseConfig("weft.yaml", broken(t, "", ""), noEnv); err != nil {
		t.Error(err)
	}
}

// edit breaks the sound file in one place.
type edit struct{ name, from, to, want string }

func TestRefused(t *testing.T) {
	for group, edits := range map[string][]edit{
		"form": formEdits(), "value": valueEdits(), "tenant": tenantEdits(), "source": sourceEdits(), "limit": limitEdits(), "issuer": issuerEdits(), "privacy": privacyEdits(), "variable": variableEdits(),
	} {
		for _, tt := range edits {
			t.Run(group+"/"+tt.name, func(t *testing.T) {
				_, err := parseConfig("weft.yaml", broken(t, tt.from, tt.to), noEnv)
				if err == nil {
					t.Fatal("no error")
				}
				if diff := cmp.Diff(tt.want, err.Error()); diff != "" {
					t.Errorf("error (-want +got):\n%s", diff)
				}
				if strings.Contains(err.Error(), "T0KEN") {
					t.Error("the error shows a token")
				}
			})
		}
	}
}

func formEdits() []edit {
	return []edit{
		{"empty file", sound, "# nothing\n", "weft.yaml:1: tenants: is missing"},
		{"null document", sound, "---\n", "weft.yaml:1: want a mapping"},
		{"two documents", "# more", "# more\n---", "weft.yaml:19: want one document, not several"},
		{"not YAML", "listen: 127", "listen: : 127", "weft.yaml:1: is not YAML: mapping values are not allowed in this context"},
		{"not YAML in a flow", "crm: {kind", "crm: {kind: {", "weft.yaml:15: is not YAML: did not find expected node content"},
		{"not YAML in a block", "    link: [", "   link: [", "weft.yaml:10: is not YAML: did not find expected '-' indicator"},
		{"not UTF-8", "# more", "# \xff", "weft.yaml: is not YAML"},
		{"unknown anchor", "redis: {url: \"\"}", "redis: *T0KEN", "weft.yaml: is not YAML"},
		{"unknown key", "memory:", "memry: 1\n  memory:", "weft.yaml:6: cache.memry: unknown key; want one of account, contact, conversation, encryption, link, memory"},
		{"unknown key at the top", "redis:", "redys:", "weft.yaml:3: redys: unknown key; want one of allow_addresses, audit, cache, deadlines, drain, hsts, issuers, limits, listen, log, ops, redis, reload, tenants"},
		{"key that holds a token", `token: "T0KEN"}`, `token:T0KEN}`, `weft.yaml:14: tenants[0].store.token: is missing
weft.yaml:14: tenants[0].store.token…: unknown key; want one of account, account_custom, account_fields, app_url, auth, contact_custom, contact_fields, envelope, external_ref, in_flight, kind, params, paths, retry, share, timezone, token, url, variables`},
		{"key that is a token", `token: "T0KEN"}`, `token: "T0KEN", abcdefghijklmnopqrstuvwxyz: }`, "weft.yaml:14: tenants[0].store.abcdefghijklmnopqrst…: unknown key; want one of account, account_custom, account_fields, app_url, auth, contact_custom, contact_fields, envelope, external_ref, in_flight, kind, params, paths, retry, share, timezone, token, url, variables"},
		{"key that is a list", "redis:", "? [T0KEN]\n:", "weft.yaml:3: …: unknown key; want one of allow_addresses, audit, cache, deadlines, drain, hsts, issuers, limits, listen, log, ops, redis, reload, tenants"},
		{"duplicate key", "    # more", "    id: other", "weft.yaml:17: tenants[0].id: is there twice, first on line 10"},
		{"alias", `redis: {url: ""}`, "redis: &a {url: \"\"}\ncache: *a\n#", "weft.yaml:4: cache: aliases are not supported\nweft.yaml:7: cache: is there twice, first on line 4"},
		{"tag", "request: 3s", "request: !!binary M3M=", "weft.yaml:4: deadlines.request: tags are not supported"},
		{"mapping for a value", "listen: 127.0.0.1:8080", "listen: {host: 1}", "weft.yaml:1: listen: want a single value"},
		{"value for a mapping", `redis: {url: ""}`, "redis: T0KEN", "weft.yaml:3: redis: want a mapping"},
		{"value for a list", "scopes: [conversations:read], w", "scopes: T0KEN, w", "weft.yaml:13: tenants[0].keys[0].scopes: want a list"},
		{"null for a mapping", `redis: {url: ""}`, "redis:", "weft.yaml:3: redis: want a mapping"},
		{"several", "request: 3s, store: 1s", "request: x, store: y", `weft.yaml:4: deadlines.request: want a duration such as 50ms, 5m or 168h
weft.yaml:4: deadlines.store: want a duration such as 50ms, 5m or 168h`},
		{"in the order of the file", sound, "tenants: []\nlisten: x\nops: {listen: y}", `weft.yaml:1: tenants: must not be empty
weft.yaml:2: listen: want a host and port such as 127.0.0.1:8080
weft.yaml:3: ops.listen: want a host and port such as 127.0.0.1:8080`},
	}
}

func valueEdits() []edit {
	return []edit{
		{"listen without port", "listen: 127.0.0.1:8080", "listen: 127.0.0.1", "weft.yaml:1: listen: want a host and port such as 127.0.0.1:8080"},
		{"listen with a named port", "listen: 127.0.0.1:8080", "listen: :http", "weft.yaml:1: listen: want a host and port such as 127.0.0.1:8080"},
		{"listen is a URL", "listen: 127.0.0.1:8080", "listen: http://127.0.0.1:8080", "weft.yaml:1: listen: want a host and port such as 127.0.0.1:8080"},
		{"listen is empty", "listen: 127.0.0.1:8080", "listen:", "weft.yaml:1: listen: must not be empty"},
		{"ops host with a port", "keys: []", "hosts: ['weft-ops.example:9090']", "weft.yaml:2: ops.hosts[0]: want a host's name such as weft-ops.example, without a scheme or port"},
		{"ops host that is a URL", "keys: []", "hosts: ['http://weft-ops.example']", "weft.yaml:2: ops.hosts[0]: want a host's name such as weft-ops.example, without a scheme or port"},
		{"ops host with a wildcard", "keys: []", "hosts: ['*.example']", "weft.yaml:2: ops.hosts[0]: must be one name: wildcards are not supported"},
		{"empty ops host", "keys: []", "hosts: ['']", "weft.yaml:2: ops.hosts[0]: must not be empty"},
		{"ops on the public address", "listen: 127.0.0.1:9090", "listen: ':8080'", "weft.yaml:2: ops.listen: must not be the public address; metrics and breakers are not for everyone"},
		{"duration without unit", "request: 3s", "request: 3", "weft.yaml:4: deadlines.request: want a duration such as 50ms, 5m or 168h"},
		{"duration zero", "store: 1s", "store: 0s", "weft.yaml:4: deadlines.store: want a duration from 1ms to 15s"},
		{"duration negative", "fresh: 5m", "fresh: -5m", "weft.yaml:7: cache.contact.fresh: want a duration from 1ms to 8760h"},
		{"size with an unknown unit", "32MiB", "32 megs", "weft.yaml:6: cache.memory: want a size such as 32MiB, 64MB or a number of bytes"},
		{"size zero", "32MiB", "0", "weft.yaml:6: cache.memory: want a size from 1MiB to 1024GiB"},
		{"size that overflows", "32MiB", "99999999999GiB", "weft.yaml:6: cache.memory: want a size such as 32MiB, 64MB or a number of bytes"},
		{"missing time of conversations", "stale: 24h}", "stale: 24h, missing: 1s}", "weft.yaml:8: cache.conversation.missing: unknown key; want one of fresh, revalidate, stale"},
		{"fresh above stale", "fresh: 5m, stale: 168h", "fresh: 5m, stale: 1m", "weft.yaml:7: cache.contact.fresh: must not be above cache.contact.stale, 1m"},
		{"fresh above the default stale", "fresh: 2s, stale: 24h", "fresh: 25h", "weft.yaml:8: cache.conversation.fresh: must not be above cache.conversation.stale, 24h"},
		{"store above request", "store: 1s", "store: 4s", "weft.yaml:4: deadlines.store: must not be above deadlines.request, 3s"},
		{"crm above request", "crm: 1s", "crm: 4s", "weft.yaml:4: deadlines.crm: must not be above deadlines.request, 3s"},
		{"redis not below request", "redis: 50ms", "redis: 3s", "weft.yaml:4: deadlines.redis: must be below deadlines.request, 3s"},
		{"redis above what a breaker sees", "redis: 50ms", "redis: 4s", "weft.yaml:4: deadlines.redis: want a duration from 1ms to 3s"},
		{"store above what a breaker sees", "store: 1s", "store: 16s", "weft.yaml:4: deadlines.store: want a duration from 1ms to 15s"},
		{"request that leaves nothing", "request: 3s, store: 1s, crm: 1s, redis: 50ms", "request: 20ms, store: 1ms, crm: 1ms, redis: 1ms", "weft.yaml:4: deadlines.request: must be above 20ms, which is kept back to write the answer"},
		{"hsts", "listen: 127", "hsts: yes\nlisten: 127", "weft.yaml:1: hsts: want true or false"},
		{"addresses that are one address", "listen: 127", "allow_addresses: [169.254.169.254]\nlisten: 127", "weft.yaml:1: allow_addresses[0]: want a range of addresses such as 169.254.10.0/24"},
		{"addresses that begin within their range", "listen: 127", "allow_addresses: [169.254.1.0/16]\nlisten: 127", "weft.yaml:1: allow_addresses[0]: want a range of addresses such as 169.254.10.0/24"},
		{"redis scheme", `url: ""`, `url: "http://u:T0KEN@host"`, "weft.yaml:3: redis.url: want redis://, rediss://, unix://, or redis or rediss with +sentinel or +cluster, and no unknown parameter"},
		{"redis mode", `url: ""`, `url: "redis+ring://host"`, "weft.yaml:3: redis.url: want redis://, rediss://, unix://, or redis or rediss with +sentinel or +cluster, and no unknown parameter"},
		{"redis parameter", `url: ""`, `url: "redis+cluster://host?passwort=T0KEN"`, "weft.yaml:3: redis.url: want redis://, rediss://, unix://, or redis or rediss with +sentinel or +cluster, and no unknown parameter"},
		{"redis host", `url: ""`, `url: "redis://:T0KEN@/0"`, "weft.yaml:3: redis.url: want a URL with a host and, if any, a port from 1 to 65535"},
		{"redis password that breaks the URL", `url: ""`, `url: "redis://u:T0KEN%zz@host"`, "weft.yaml:3: redis.url: want a URL such as redis://127.0.0.1:6379/0"},
		{"redis sentinels", `url: ""`, `url: "redis+sentinel://host:26379"`, "weft.yaml:3: redis.url: has sentinels but no master_name"},
	}
}

func variableEdits() []edit {
	return []edit{
		{"neither set nor a file", "      token: T0KEN", "      token: ${GLOBEX_TOKEN}", "weft.yaml:24: tenants[1].store.token: the variable GLOBEX_TOKEN is not set, and neither is GLOBEX_TOKEN_FILE"},
		{"not closed", "      token: T0KEN", "      token: a${T0KEN", "weft.yaml:24: tenants[1].store.token: ${ is not followed by a variable's name and }; write $${ for the characters themselves"},
		{"not a name", "      token: T0KEN", "      token: a${T0KEN-1}", "weft.yaml:24: tenants[1].store.token: ${ is not followed by a variable's name and }; write $${ for the characters themselves"},
		{"no name", "      token: T0KEN", "      token: a${}", "weft.yaml:24: tenants[1].store.token: ${ is not followed by a variable's name and }; write $${ for the characters themselves"},
	}
}
