package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/weft-gateway/weft/upstream/sandbox"
)

const keyOps = "weft_test_key_of_oncall"

// consoleRig is an installation whose console is looked at through a proxy
// that puts a prefix before it.
type consoleRig struct {
	*installation
	*browser
	base    string
	told    chan struct{}   // closed when the proxy lets through what was answered
	unheard atomic.Bool     // the proxy lets no stream of events through
	delays  []time.Duration // from a change of a breaker until it was to be seen
	asked   int             // answers that were asked for
	lacking int             // and of these, those that were not whole
}

func newConsoleRig(t *testing.T) *consoleRig {
	t.Helper()
	b := newBrowser(t)
	sum := sha256.Sum256([]byte(keyOps))
	policy := "{fresh: 1ms, revalidate: 0}" // every answer asks its sources
	r := &consoleRig{browser: b, told: make(chan struct{}), installation: install(t, options{
		redis: "redis://" + miniredis.RunT(t).Addr() + "/0",
		extra: "deadlines: {request: 15s, store: 10s, crm: 10s, redis: 1s}\n" + // a busy machine is no trouble
			fmt.Sprintf("ops: {keys: [{id: oncall, sha256: %s}]}\ncache: {conversation: %s, contact: %s, account: %s, link: %s}",
				hex.EncodeToString(sum[:]), policy, policy, policy, policy),
	})}
	target, err := url.Parse(r.ops)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{ErrorLog: log.New(io.Discard, "", 0), Rewrite: func(p *httputil.ProxyRequest) { p.SetURL(target) }}
	srv := httptest.NewServer(http.StripPrefix("/team/weft", http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if r.unheard.Load() && req.Header.Get("Accept") == "text/event-stream" {
			http.Error(w, "no streams here", http.StatusBadGateway)
			return
		}
		if req.URL.Path == "/activity" {
			select {
			case <-r.told:
			case <-req.Context().Done():
				return
			}
		}
		proxy.ServeHTTP(w, req)
	})))
	t.Cleanup(func() { srv.CloseClientConnections(); srv.Close() })
	r.base = srv.URL + "/team/weft"
	return r
}

// askable is how many conversations are asked for in turn. After a load that
// failed the copy is shown for a while without another: it takes several for a
// breaker to open soon.
const askable = 20

// ask asks for documents, the first one for the first tenant and others for the
// second, whose store says whom to ask the CRM for.
func (r *consoleRig) ask(n int) {
	r.t.Helper()
	for range n {
		key, id := keyAcme, sandbox.ExampleAPI
		if i := r.asked % askable; i > 0 {
			key, id = keyGlobex, r.box.ConversationIDs(sandbox.Globex)[i]
		}
		d, _ := r.document(r.t, key, id)
		r.asked++
		if !d.Enrichment.Complete {
			r.lacking++
		}
	}
}

// open shows a view, and waits until it is drawn.
func (r *consoleRig) open(view string) {
	r.t.Helper()
	eval[bool](r.browser, fmt.Sprintf(`location.hash = %q, true`, view))
	r.until(view+" is shown", fmt.Sprintf(`!document.getElementById("view-%[1]s").hidden && document.querySelector("#view-%[1]s .body").childElementCount > 0 &&
		!document.querySelector("#view-%[1]s .body").innerText.includes("Asking the gateway")`, view))
}

func TestConsole(t *testing.T) {
	r := newConsoleRig(t)
	r.act(chromedp.Navigate(r.base + "/console"))
	r.until("the console is live", `document.querySelector("#link.live") !== null`)
	r.step("waits", r.waits)
	close(r.told)
	r.until("all is well", `document.querySelector(".verdict.good") !== null`)
	r.ask(askable)
	r.until("answers are counted", fmt.Sprintf(`document.querySelector(".figure")?.innerText.startsWith("%d")`, r.asked))
	r.pictures("well", "overview")

	r.step("leaks", r.leaks)
	r.step("breaks", r.breaks)
	r.step("tells", r.tells)
	r.step("explains", r.explains)
	r.step("mouse", r.mouse)
	r.step("keyboard", r.keyboard)
	r.step("views", func(*testing.T) {
		r.pictures("broken", "overview", "breakers", "explain")
		r.pictures("", "parts", "cache", "tenants", "events", "nodes")
	})
	r.step("twins", r.twins)
	r.step("theme", r.theme)
	said, requests := r.heard()
	for _, s := range said {
		t.Errorf("on the console: %s", s)
	}
	for _, u := range requests {
		if !strings.HasPrefix(u, r.base+"/") {
			t.Errorf("the page asks for %s", u)
		}
	}
	r.step("polls", r.polls)
}

// step runs a part of the test, which goes on from where the last one ended.
func (r *consoleRig) step(name string, run func(*testing.T)) {
	whole := r.t
	defer func() { r.t = whole }()
	whole.Run(name, func(t *testing.T) {
		r.t = t
		run(t)
	})
}

// waits sees that nothing is said of answers before anything is known of them.
func (r *consoleRig) waits(t *testing.T) {
	r.until("the breakers are known", `document.querySelector(".verdict") !== null`)
	for what, want := range map[string]string{
		".verdict":                            "All breakers let calls through What callers are answered is not known yet.",
		".figures":                            "– answers, 10 min – of them degraded – not answered at all – conversation, p95 – contact, p95",
		".card[aria-label^='Parts, last 10']": "Parts, last 10 minutes Not known yet",
	} {
		if got := r.text(what); got != want {
			t.Errorf("%s is %q, want %q", what, got, want)
		}
	}
	if got := eval[string](r.browser, `document.querySelector("#chart-answers").ariaLabel`); got != "Answers over the last 15 minutes: not known yet" {
		t.Errorf("the chart is said to show %q", got)
	}
	broken := eval[[]string](r.browser, `Promise.all([import("./views/overview.js"), import("./live.js"), import("./dom.js")]).then(([view, {known}, {patch}]) => {
		const was = known.breakers;
		const said = [1, 2].map(hosts => {
			const names = [...new Set(was.map(b => b.upstream))].slice(0, hosts), at = document.createElement("div");
			known.breakers = was.map(b => names.includes(b.upstream) ? {...b, state: "open", reason: "5 failures in a row"} : b);
			patch(at, view.overview(new Date()));
			return at.textContent; });
		known.breakers = was;
		return said; })`)
	for _, text := range broken {
		if !strings.Contains(text, "is not known yet") || strings.Contains(text, "was asked for") || strings.Contains(text, "still answered") {
			t.Errorf("of what is broken it says\n%s", text)
		}
	}
}

// leaks sees answers that are not whole although no breaker opens: credentials
// that are refused are a tenant's trouble.
func (r *consoleRig) leaks(t *testing.T) {
	if err := r.box.CRM().Set("", sandbox.Dial{Deny: http.StatusUnauthorized}); err != nil {
		t.Fatal(err)
	}
	r.ask(2)
	r.until("the page says so", `document.querySelector(".verdict.warn") !== null`)
	r.until("both are counted", fmt.Sprintf(`document.querySelector(".verdict").innerText.includes("%d of ")`, r.lacking))
	for what, pattern := range map[string]string{
		".verdict":  `^Answers are not whole: rest \(CRM\) Since \d\d:\d\d:\d\d, .* ago: it refuses the credentials \(denied\)\. \d+ of \d+ documents degraded`,
		".incident": `Touches (Acme|Globex|Acme and Globex) `,
	} {
		if text := r.text(what); !regexp.MustCompile(pattern).MatchString(text) {
			t.Errorf("%s is not as in %s:\n%s", what, pattern, text)
		}
	}
	if r.lacking == 0 || r.breakers(t)["rest-contacts"] != "closed" {
		t.Errorf("%d lacking answers, and the breaker is %s", r.lacking, r.breakers(t)["rest-contacts"])
	}
}

// breaks sees a CRM that is broken open its breaker, without loading the page again.
func (r *consoleRig) breaks(t *testing.T) {
	eval[bool](r.browser, `window.sameAsBefore = true`)
	broke := time.Now()
	r.watch(`.incident.bad`)
	if err := r.box.CRM().Set("", sandbox.Dial{ErrorRate: 1, Status: http.StatusInternalServerError}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the breaker opens", func() bool { r.ask(1); return r.breakers(t)["rest-contacts"] != "closed" })
	r.until("the page says so", `window.seenAt > 0`)
	r.delayed(t, "", "open", broke)
	if !eval[bool](r.browser, `window.sameAsBefore === true`) {
		t.Error("the page was loaded again")
	}
}

// watch notes in the page when an element is there for the first time.
func (r *consoleRig) watch(selector string) {
	eval[bool](r.browser, fmt.Sprintf(`window.seenAt = 0, window.watcher?.disconnect(), window.watcher = new MutationObserver(() => {
		if (!window.seenAt && document.querySelector(%q)) window.seenAt = Date.now(); }),
		window.watcher.observe(document.querySelector("main"), {subtree: true, childList: true, attributes: true, characterData: true}), true`, selector))
}

// delayed notes how long after the first change since a moment what is watched
// was to be seen; without a name it may be that of any breaker.
func (r *consoleRig) delayed(t *testing.T, name, to string, since time.Time) {
	t.Helper()
	for _, e := range r.events(t) {
		if (name == "" || e.Breaker == name) && e.To == to && !e.At.Before(since.Truncate(time.Millisecond)) {
			r.delays = append(r.delays, time.UnixMilli(int64(eval[float64](r.browser, `window.seenAt`))).Sub(e.At))
			return
		}
	}
	t.Errorf("there is no change of %s to %s", name, to)
}

// changeOfState is one change of a breaker.
type changeOfState struct {
	Breaker, To, Cause, By string
	At                     time.Time
}

// events returns the changes of the breakers, the newest last.
func (r *consoleRig) events(t *testing.T) []changeOfState {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.ops+"/breakers/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var list struct{ Events []changeOfState }
	if err := json.NewDecoder(resp.Body).Decode(&list); err != nil {
		t.Fatal(err)
	}
	return list.Events
}

// tells reads off the page alone what failed, when, why, and whom it touched.
func (r *consoleRig) tells(t *testing.T) {
	r.ask(10)
	r.until("all documents are counted", fmt.Sprintf(`document.querySelector(".incident.bad")?.innerText.includes(%q)`, fmt.Sprintf("%d of ", r.lacking)))
	text := r.text(".incident")
	for what, pattern := range map[string]string{
		"which upstream":     `^rest CRM `,
		"at which address":   regexp.QuoteMeta(r.boxURL + "/crm"),
		"since when":         `Failing since \d\d:\d\d:\d\d, \d+ (s|min) ago`,
		"which operation":    `contacts( and find)?: `,
		"why":                `contacts( and find)?: (5 failures in a row|\d+ of \d+ calls failed in \d+s): it answers with an error \(upstream_error\)`,
		"the last failure":   `Last failure it answers with an error \(upstream_error\) at \d\d:\d\d:\d\d`,
		"whom it touches":    `Touches Acme and Globex`,
		"how many documents": fmt.Sprintf(`%d of \d+ documents degraded since then \(\d+ %%\), none lost`, r.lacking),
	} {
		if !regexp.MustCompile(pattern).MatchString(text) {
			t.Errorf("%s cannot be read (%s) in\n%s", what, pattern, text)
		}
	}
	if verdict := r.text(".verdict"); !regexp.MustCompile(fmt.Sprintf(`^rest \(CRM\) is failing Since .* ago: it answers with an error \(upstream_error\)\. %d of \d+ documents`, r.lacking)).MatchString(verdict) {
		t.Errorf("the headline is %q", verdict)
	}
}

// explains reads how a conversation is answered, and nothing about anybody.
func (r *consoleRig) explains(t *testing.T) {
	r.open("explain")
	r.tabTo(`[data-do="unlock"]`)
	r.keys(kb.Enter)
	r.unlock()
	r.until("the form is ready", `document.querySelector("#explain-form button[type=submit]") !== null`)
	r.act(chromedp.Click(chromedp.CSS("#explain-id")), chromedp.SendKeys(chromedp.CSS("#explain-id"), sandbox.ExampleAPI+kb.Enter))
	r.until("it is explained", `document.querySelectorAll(".waterfall li").length > 3`)
	text := r.text("#explain-result")
	for _, want := range []string{
		"Not whole", sandbox.ExampleAPI, "Contact con-12345", "the breaker keeps calls back (breaker_open)", "stale",
		"autocalls messages lets calls through", "autocalls messages answered", "rest contacts keeps the call back", " ms",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not said in\n%s", want, text)
		}
	}
	for _, private := range []string{"Larry", "leadworks", "Lead Works", "recent inquiry", "+1"} {
		if strings.Contains(text, private) {
			t.Errorf("the explanation holds %q", private)
		}
	}
}

// pictures looks at views in light and dark, wide and narrow: with the
// accessibility checker, and for those who want to see them. Without a name
// two of the four ways to look at them do.
func (r *consoleRig) pictures(name string, views ...string) {
	for _, scheme := range []string{"light", "dark"} {
		for _, width := range []int64{1280, 390} {
			if name == "" && (scheme == "dark") != (width == 390) {
				continue // colours and widths are each seen, if not all together
			}
			r.look(scheme, width)
			for _, view := range views {
				r.open(view)
				for _, fault := range r.axe() {
					r.t.Errorf("%s in %s at %d: %s", view, scheme, width, fault)
				}
				if wide := eval[int](r.browser, `document.documentElement.scrollWidth - document.documentElement.clientWidth`); wide > 0 {
					r.t.Errorf("%s at %d is %d pixels too wide", view, width, wide)
				}
				r.picture(strings.TrimSuffix(fmt.Sprintf("%s-%s-%d-%s", view, scheme, width, name), "-"))
			}
		}
	}
	r.look("light", 1280)
}

// twins sees that tenants of one name are shown apart, however often they are drawn.
func (r *consoleRig) twins(t *testing.T) {
	if n := eval[int](r.browser, `Promise.all([import("./views/tenants.js"), import("./live.js"), import("./dom.js")]).then(([view, {known}, {patch}]) => {
		const was = known.tenants, at = document.createElement("div");
		known.tenants = was.map(t => ({...t, name: "Twin"}));
		patch(at, view.tenants());
		patch(at, view.tenants());
		known.tenants = was;
		return at.childElementCount; })`); n != 2 {
		t.Errorf("%d of two tenants are shown", n)
	}
}

// theme chooses another than the system's, which lasts.
func (r *consoleRig) theme(t *testing.T) {
	ground := func() string {
		return eval[string](r.browser, `getComputedStyle(document.documentElement).backgroundColor`)
	}
	light := ground()
	r.act(chromedp.Click(chromedp.CSS("#theme")), chromedp.Click(chromedp.CSS("#theme")), chromedp.Reload())
	if got := r.text("#theme"); got != "Theme: dark" || ground() == light {
		t.Errorf("the theme is %q on %s", got, ground())
	}
	r.act(chromedp.Click(chromedp.CSS("#theme")))
	r.until("the breakers are back", `document.querySelector("#link.live") !== null`)
}

// polls sees a breaker close although no events are pushed.
func (r *consoleRig) polls(t *testing.T) {
	r.unheard.Store(true)
	r.act(chromedp.Reload())
	r.open("overview")
	r.until("the page asks", `document.querySelector("#link.polling") !== null`)
	if err := r.box.CRM().Set("", sandbox.Dial{}); err != nil {
		t.Fatal(err)
	}
	r.until("the CRM is well again", `document.querySelector(".verdict.good") !== null`)
}

// The page and all that it loads are held to the strictest policy.
func TestConsolePolicy(t *testing.T) {
	in := install(t, options{})
	for _, path := range []string{"/console/", "/console/main.js", "/console/console.css", "/console/vendor/uPlot.iife.min.js"} {
		resp, err := http.Get(in.ops + path)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		policy := resp.Header.Get("Content-Security-Policy")
		if resp.StatusCode != http.StatusOK || !strings.HasPrefix(policy, "default-src 'none';") || strings.Contains(policy, "unsafe") {
			t.Errorf("%s: %s, policy %q", path, resp.Status, policy)
		}
	}
}
