package pipedrive

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weft-gateway/weft/upstream"
	"github.com/weft-gateway/weft/upstream/client"
	"github.com/weft-gateway/weft/upstream/oauth"
	"github.com/weft-gateway/weft/upstream/upstreamtest"
)

// hundred is a company with a hundred persons and their organizations.
func hundred() (v *vendor, persons, orgs []string) {
	v = newVendor()
	for i := 1; i <= 100; i++ {
		v.persons[i] = object{"id": i, "name": "P", "org_id": 1000 + i, "is_deleted": false, "custom_fields": object{}}
		v.orgs[1000+i] = object{"id": 1000 + i, "name": "O", "is_deleted": false, "custom_fields": object{}}
		persons, orgs = append(persons, strconv.Itoa(i)), append(orgs, strconv.Itoa(1000+i))
	}
	return v, persons, orgs
}

// A hundred persons and their organizations cost two calls and twenty tokens.
func TestFewestCalls(t *testing.T) {
	v, persons, _ := hundred()
	c, faults := open(t, v, Access(testToken), testConfig())
	got, err := c.Contacts(t.Context(), persons)
	if err != nil || len(got) != 100 {
		t.Fatalf("%d contacts, error %v", len(got), err)
	}
	var orgs []string
	for _, p := range got {
		orgs = append(orgs, *p.AccountID)
	}
	accounts, err := c.Accounts(t.Context(), orgs)
	if n := len(faults.Calls()); err != nil || len(accounts) != 100 || n != 2 {
		t.Errorf("%d accounts, %d calls, error %v; want 100 and 2", len(accounts), n, err)
	}
	if _, err := c.Contacts(t.Context(), []string{"7"}); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff([]int{10, 10, 1}, v.spent); diff != "" {
		t.Errorf("tokens (-want +got):\n%s", diff)
	}
}

// What Pipedrive leaves out without a word is missing, and so is what it still
// shows of a record that was deleted or merged.
func TestGone(t *testing.T) {
	v := newVendor()
	v.persons[2]["is_deleted"] = true // as after a merge into 3
	c, _ := open(t, v, Access(testToken), testConfig())
	for _, ids := range [][]string{{"2"}, {"999"}, {"2", "999"}} {
		if got, err := c.Contacts(t.Context(), ids); err != nil || len(got) != 0 {
			t.Errorf("%v: %v, error %v", ids, got, err)
		}
	}
	got, err := c.Contacts(t.Context(), []string{"2", "999", "3", "0", "01", "-3", "3.0", "3e0", "9999999999999999999"})
	if diff := cmp.Diff(map[string]upstream.Contact{"3": wantContacts()[2]}, got); err != nil || diff != "" {
		t.Errorf("error %v (-want +got):\n%s", err, diff)
	}
}

// answers returns a CRM that always gets this answer.
func answers(t testing.TB, status int, body string) *CRM {
	c, faults := open(t, newVendor(), Access(testToken), testConfig())
	faults.Set(upstreamtest.Answer(status, body))
	return c
}

func TestAnswers(t *testing.T) {
	tests := []struct {
		name   string
		status int
		body   string
		want   []string
		kind   upstream.Kind
	}{
		{"none", 200, `{"success":true,"data":[]}`, nil, ""},
		{"no success", 200, `{"success":false,"error":"canary"}`, nil, upstream.UpstreamError},
		{"success in another case", 200, `{"Success":true,"data":[]}`, nil, upstream.BadResponse},
		{"success is a word", 200, `{"success":"true","data":[]}`, nil, upstream.BadResponse},
		{"null data", 200, `{"success":true,"data":null}`, nil, upstream.BadResponse},
		{"an object", 200, `{"success":true,"data":{}}`, nil, upstream.BadResponse},
		{"no account", 402, `{"success":false,"error":"Payment Required"}`, nil, upstream.UpstreamError},
		{"no such list", 404, `{"success":false,"error":"Unknown method"}`, nil, upstream.BadResponse},
		{"all null", 200, `{"success":true,"data":[{"id":1,"name":null,"emails":null,"phones":null,"org_id":null,"owner_id":null,"custom_fields":null,"labels":null,"add_time":null,"is_deleted":null}]}`, []string{"1"}, ""},
		{"wrong types", 200, `{"success":true,"data":[{"id":1,"name":{},"emails":"a@b","phones":[7,null,{"value":5}],"owner_id":{},"custom_fields":[],"labels":[1],"add_time":5,"is_deleted":"no","job_title":[]}]}`, []string{"1"}, ""},
		{"an organization that is none", 200, `{"success":true,"data":[{"id":1,"org_id":{"value":5}},{"id":2}]}`, []string{"2"}, upstream.BadResponse},
		{"an organization in a fraction", 200, `{"success":true,"data":[{"id":1,"org_id":1.5},{"id":2}]}`, []string{"2"}, upstream.BadResponse},
		{"a huge id", 200, `{"success":true,"data":[{"id":1e999},{"id":2}]}`, []string{"2"}, upstream.BadResponse},
		{"null among them", 200, `{"success":true,"data":[null,{"id":2}]}`, []string{"2"}, upstream.BadResponse},
		{"id as text", 200, `{"success":true,"data":[{"id":"2"}]}`, []string{"2"}, ""},
		{"another's", 200, `{"success":true,"data":[{"id":3},{"id":2}]}`, []string{"2"}, upstream.WrongRecord},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := answers(t, tt.status, tt.body).Contacts(t.Context(), []string{"1", "2"})
			var ids []string
			for id := range got {
				ids = append(ids, id)
			}
			if slices.Sort(ids); upstream.KindOf(err) != tt.kind || !slices.Equal(ids, tt.want) {
				t.Errorf("%v, error %v, want %v and %q", ids, err, tt.want, tt.kind)
			}
			if err != nil && strings.Contains(err.Error(), "canary") {
				t.Errorf("%v quotes the answer", err)
			}
		})
	}
}

// More custom fields than can be asked for come with all that the company has,
// and only those that are named pass.
func TestManyFields(t *testing.T) {
	cfg := testConfig()
	for i := range maxKeys {
		cfg.ContactCustom[fmt.Sprint("f", i)] = fmt.Sprintf("%040d", i)
	}
	c, faults := open(t, newVendor(), Access(testToken), cfg)
	got, err := c.Contacts(t.Context(), []string{"1"})
	if diff := cmp.Diff(map[string]upstream.Contact{"1": wantContacts()[0]}, got); err != nil || diff != "" {
		t.Errorf("error %v (-want +got):\n%s", err, diff)
	}
	if q := faults.Calls()[0].Query(); q.Has("custom_fields") {
		t.Errorf("asked for %s", q.Get("custom_fields"))
	}
}

// A value that is in some other custom field is no match, and no wrong record.
func TestReferenceElsewhere(t *testing.T) {
	v := newVendor()
	v.persons[1]["custom_fields"].(object)[keySecret] = "REF-2"
	c, _ := open(t, v, Access(testToken), testConfig())
	found, err := c.FindContacts(t.Context(), upstream.ByExternalRef, []string{"REF-2"})
	if diff := cmp.Diff(map[string][]upstream.Contact{"REF-2": wantContacts()[1:2]}, found); err != nil || diff != "" {
		t.Errorf("error %v (-want +got):\n%s", err, diff)
	}
	cfg := testConfig()
	cfg.ExternalRef = ""
	if c, _ := open(t, v, Access(testToken), cfg); upstream.KindOf(second(c.FindContacts(t.Context(), upstream.ByExternalRef, []string{"x"}))) != upstream.UpstreamError {
		t.Error("a search by a field that nobody named")
	}
}

// A search that has more to say is no answer, nor is one of whose persons some
// cannot be read: the only one that is seen need not be the only one.
func TestNotAll(t *testing.T) {
	item := func(id int) string { return fmt.Sprintf(`{"item":{"id":%d,"custom_fields":["X"]}}`, id) }
	var many []string
	for id := range matches {
		many = append(many, item(id+1))
	}
	person := `{"id":1,"custom_fields":{"` + keyRef + `":"X"}}`
	tests := []struct {
		name, items, more string
		read              upstreamtest.Fault
		kind              upstream.Kind
	}{
		{"a full page", strings.Join(many, ","), "null", upstreamtest.Answer(200, `{"success":true,"data":[`+person+`]}`), upstream.BadResponse},
		{"a page after it", item(1), `"c2"`, upstreamtest.Answer(200, `{"success":true,"data":`+person+`}`), upstream.BadResponse},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, faults := open(t, newVendor(), Access(testToken), testConfig())
			faults.Set(func(r *http.Request, next http.RoundTripper) (*http.Response, error) {
				if strings.HasSuffix(r.URL.Path, "/search") {
					return upstreamtest.Answer(200, `{"success":true,"data":{"items":[`+tt.items+`]},"additional_data":{"next_cursor":`+tt.more+`}}`)(r, next)
				}
				return tt.read(r, next)
			})
			found, err := c.FindContacts(t.Context(), upstream.ByExternalRef, []string{"X"})
			if upstream.KindOf(err) != tt.kind {
				t.Errorf("%v, error %v, want %q", found, err, tt.kind)
			}
		})
	}
	c, faults := open(t, newVendor(), Access(testToken), testConfig())
	faults.Set(func(r *http.Request, next http.RoundTripper) (*http.Response, error) {
		q := r.URL.Query()
		switch {
		case q.Get("term") == "X":
			return upstreamtest.Answer(200, `{"success":true,"data":{"items":[`+strings.Join(many[:60], ",")+`]}}`)(r, next)
		case q.Get("term") == "Y":
			return upstreamtest.Answer(200, `{"success":true,"data":{"items":[`+strings.Join(many[40:99], ",")+`,`+item(120)+`,`+item(121)+`]}}`)(r, next)
		case strings.HasPrefix(q.Get("ids"), "1,"):
			return upstreamtest.Answer(200, `{"success":true,"data":[`+person+`]}`)(r, next)
		}
		return upstreamtest.Answer(403, ``)(r, next)
	})
	found, err := c.FindContacts(t.Context(), upstream.ByExternalRef, []string{"X", "Y"})
	if upstream.KindOf(err) != upstream.Denied || len(found) != 0 {
		t.Errorf("with persons who cannot be read: %v, error %v, want denied", found, err)
	}
}

func second[T any](_ T, err error) error { return err }

// The gate closes when a quota is used up, and opens when it is back: two
// seconds for the window, midnight for the day.
func TestQuota(t *testing.T) {
	tests := []struct {
		name   string
		spend  func(*vendor)
		closed time.Duration
	}{
		{"the window", func(v *vendor) { v.window = 2 }, 2 * time.Second},
		{"the day", func(v *vendor) { v.daily = 2 }, time.Hour},
		{"the day, late", func(v *vendor) { time.Sleep(23*time.Hour + 40*time.Minute); v.daily = 2 }, 20 * time.Minute},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { // at midnight
				v := newVendor()
				tt.spend(v)
				c, faults := open(t, v, Access(testToken), testConfig())
				read := func() error { return second(c.Contacts(t.Context(), []string{"1"})) }
				if read() != nil || c.Limited() != 0 || read() != nil { // the second is the last
					t.Fatal("limited too early")
				}
				if got := c.Limited(); got != tt.closed || upstream.KindOf(read()) != upstream.RateLimited || len(faults.Calls()) != 2 {
					t.Errorf("limited for %v, want %v", got, tt.closed)
				}
				time.Sleep(tt.closed - time.Nanosecond)
				if c.Limited() == 0 {
					t.Error("open too early")
				}
				time.Sleep(time.Nanosecond)
				v.window, v.daily = -1, -1
				if err := read(); err != nil || c.Limited() != 0 {
					t.Errorf("not open again: %v", err)
				}
			})
		})
	}
}

// A 429 for the day says so by its header alone.
func TestRefusedForTheDay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVendor()
		v.daily = 0
		if _, ok := Manners().Spent(http.Header{"X-Daily-Ratelimit-Token-Remaining": {"-12"}}); !ok {
			t.Error("less than nothing is left, and the gate stays open")
		}
		c, _ := open(t, v, Access(testToken), testConfig())
		if err := second(c.Accounts(t.Context(), []string{"101"})); upstream.KindOf(err) != upstream.RateLimited || c.Limited() != time.Hour {
			t.Errorf("error %v, limited for %v", err, c.Limited())
		}
	})
}

// A token of OAuth that is revoked in the middle costs one more call, and one
// new token.
func TestTokenEnds(t *testing.T) {
	v := newVendor()
	v.token = "access-1"
	given := 0
	login := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if id, secret, ok := r.BasicAuth(); !ok || id != "app" || secret != "s" || r.PostFormValue("refresh_token") != "r" {
			fail(w, http.StatusBadRequest, "invalid_grant")
			return
		}
		given++
		say(w, http.StatusOK, object{"access_token": fmt.Sprint("access-", given), "token_type": "Bearer", "expires_in": 3600, "api_domain": "https://acme.pipedrive.com"})
	})
	synctest.Test(t, func(t *testing.T) {
		host, err := client.NewHost(client.HostConfig{
			Name: "pipedrive-oauth", URL: "https://oauth.invalid/oauth/token", Deadline: 5 * time.Second,
			Operations: oauth.Operations(), Transport: upstreamtest.Handler(login),
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(host.Close)
		cfg := oauth.Config{Grant: oauth.RefreshToken, ClientID: "app", ClientSecret: "s", RefreshToken: "r", Basic: true}
		tokens, err := oauth.New(host.ClientWith(cfg.Access(), 0), cfg)
		if err != nil {
			t.Fatal(err)
		}
		c, faults := open(t, v, client.Access{Tokens: tokens}, testConfig())
		for i := range 4 {
			if got, err := c.Contacts(t.Context(), []string{"1", "2"}); err != nil || len(got) != 2 {
				t.Errorf("%d: %d contacts, error %v", i, len(got), err)
			}
			time.Sleep(10 * time.Minute)
			if i == 1 {
				v.token = "access-2" // the first ends before its time
			}
		}
		if n := len(faults.Calls()); n != 5 || given != 2 {
			t.Errorf("%d calls and %d tokens, want 5 and 2", n, given)
		}
	})
}

func TestNew(t *testing.T) {
	c, _ := open(t, newVendor(), Access(testToken), testConfig())
	many := map[string]string{}
	for i := range 20 {
		many[fmt.Sprint("f", i)] = fmt.Sprintf("%040d", i)
	}
	tests := []struct {
		name string
		cfg  Config
		ok   bool
	}{
		{"least", Config{TenantID: "t"}, true},
		{"more fields than can be asked for", Config{TenantID: "t", ContactCustom: many}, true},
		{"no tenant", Config{}, false},
		{"no page", Config{TenantID: "t", AppURL: "javascript:alert(1)"}, false},
		{"a key with a comma", Config{TenantID: "t", ContactCustom: map[string]string{"a": "b,c"}}, false},
		{"no key", Config{TenantID: "t", AccountCustom: map[string]string{"a": ""}}, false},
		{"a reference of two", Config{TenantID: "t", ExternalRef: "a,b"}, false},
	}
	for _, tt := range tests {
		if _, err := New(c.client, tt.cfg); (err == nil) != tt.ok {
			t.Errorf("%s: error %v", tt.name, err)
		}
	}
	if _, err := New(nil, Config{TenantID: "t"}); err == nil {
		t.Error("no client: no error")
	}
}
