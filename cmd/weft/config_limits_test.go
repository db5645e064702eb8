package main

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func limitEdits() []edit {
	const want = "want a rate from 1/h to 10000/s, per s, m or h, or unlimited"
	return []edit{
		{"none at all", "# more", "limits: {requests: 0/s}", "weft.yaml:17: tenants[0].limits.requests: " + want},
		{"too many", "# more", "limits: {requests: 10001/s}", "weft.yaml:17: tenants[0].limits.requests: " + want},
		{"no unit", "# more", "limits: {requests: 200}", "weft.yaml:17: tenants[0].limits.requests: " + want},
		{"another unit", "# more", "limits: {requests: 200/d}", "weft.yaml:17: tenants[0].limits.requests: " + want},
		{"a sign", "# more", "limits: {requests: +5/s}", "weft.yaml:17: tenants[0].limits.requests: " + want},
		{"burst of none", "# more", "limits: {requests: 1/s, burst: 0}", "weft.yaml:17: tenants[0].limits.burst: want a whole number from 1 to 100000"},
		{"burst without a rate", "# more", "limits: {burst: 5}", "weft.yaml:17: tenants[0].limits.burst: has no effect without requests"},
		{"burst of what is unlimited", "# more", "limits: {requests: unlimited, burst: 5}", "weft.yaml:17: tenants[0].limits.burst: has no effect without requests"},
		{"burst of days", "# more", "limits: {requests: 1/h, burst: 25}", "weft.yaml:17: tenants[0].limits.burst: takes more than a day to come back"},
		{"none at once", "# more", "limits: {in_flight: 0}", "weft.yaml:17: tenants[0].limits.in_flight: want a whole number from 1 to 1024"},
		{"key with a cap", "workspaces: []", "limits: {in_flight: 5}", "weft.yaml:13: tenants[0].keys[0].limits.in_flight: unknown key; want one of burst, requests"},
		{"key that is fast", "workspaces: []", "limits: {requests: fast}", "weft.yaml:13: tenants[0].keys[0].limits.requests: " + want},
		{"default of keys", "listen: 127", "limits: {key: {burst: 9}}\nlisten: 127", "weft.yaml:1: limits.key.burst: has no effect without requests"},
		{"ops key", "keys: []", `keys: [{id: a, sha256: "` + hash3 + `", limits: {requests: 5/s}}]`, "weft.yaml:2: ops.keys[0].limits: unknown key; want one of id, sha256"},
		{"share above the cap", `"http://crm"`, `"http://crm", in_flight: 10, share: 11`, "weft.yaml:15: tenants[0].crm.share: must not be above in_flight, 10"},
		{"no share", `"http://crm"`, `"http://crm", share: 0`, "weft.yaml:15: tenants[0].crm.share: want a whole number from 1 to 1024"},
	}
}

const hash3 = "3000000000000000000000000000000000000000000000000000000000000000"

// What a tenant or a key does not say is that of the top level. A burst goes
// with the rate that it was given for.
func TestLimitsAreCompleted(t *testing.T) {
	top := rate{10, time.Second}
	tests := []struct {
		name, limits string
		want         RateLimit
	}{
		{"nothing", "{}", RateLimit{top, 30}},
		{"a rate", "{requests: 5/m}", RateLimit{rate{5, time.Minute}, 5}},
		{"a rate and its burst", "{requests: 5/m, burst: 9}", RateLimit{rate{5, time.Minute}, 9}},
		{"a burst", "{burst: 9}", RateLimit{top, 9}},
		{"no limit", "{requests: unlimited}", RateLimit{rate{0, time.Second}, 0}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			file := string(broken(t, "workspaces: []", "limits: "+tt.limits)) + "    limits: " + tt.limits + "\n"
			file = "limits: {tenant: {requests: 10/s, burst: 30, in_flight: 7}, key: {requests: 10/s, burst: 30}}\n" + file
			c, err := parseConfig("weft.yaml", []byte(file), noEnv)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(TenantLimits{tt.want, 7}, c.Tenants[1].Limits); diff != "" {
				t.Errorf("tenant (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.want, c.Tenants[0].Keys[0].Limits); diff != "" {
				t.Errorf("key (-want +got):\n%s", diff)
			}
		})
	}
}

func TestLimitsOfTheEnvironment(t *testing.T) {
	env := func(name string) string {
		return map[string]string{"WEFT_LIMITS_TENANT_REQUESTS": "20/s", "WEFT_LIMITS_TENANT_IN_FLIGHT": "3", "WEFT_LIMITS_KEY_REQUESTS": "7/h"}[name]
	}
	c, err := parseConfig("weft.yaml", broken(t, "", ""), env)
	if err != nil {
		t.Fatal(err)
	}
	tenant := c.Tenants[0]
	if want := (TenantLimits{RateLimit{rate{20, time.Second}, 20}, 3}); tenant.Limits != want {
		t.Errorf("tenant: %+v, want %+v", tenant.Limits, want)
	}
	if want := (RateLimit{rate{7, time.Hour}, 7}); tenant.Keys[0].Limits != want {
		t.Errorf("key: %+v, want %+v", tenant.Keys[0].Limits, want)
	}
}

// A tenant that has a source for itself has all its calls at once.
func TestShares(t *testing.T) {
	tests := []struct {
		name, from, to string
		want           [2]int // of the first tenant's store and CRM
	}{
		{"alone", "", "", [2]int{64, 64}},
		{"alone with a cap", `"http://crm"`, `"http://crm", in_flight: 9`, [2]int{64, 9}},
		{"said", `"http://crm"`, `"http://crm", share: 5`, [2]int{64, 5}},
		{"with another", "      token: T0KEN", "      token: T0KEN\n    crm: {kind: rest, url: 'http://crm', token: x}", [2]int{64, 32}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, err := parseConfig("weft.yaml", broken(t, tt.from, tt.to), noEnv)
			if err != nil {
				t.Fatal(err)
			}
			if got := [2]int{c.Tenants[0].Store.Share, c.Tenants[0].CRM.Share}; got != tt.want {
				t.Errorf("shares %v, want %v", got, tt.want)
			}
		})
	}
}
