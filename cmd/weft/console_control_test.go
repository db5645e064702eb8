package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// unlock enters the key in the dialog that is open.
func (r *consoleRig) unlock() {
	r.until("a key is asked for", `document.querySelector("#key-dialog").open`)
	r.act(chromedp.SendKeys(chromedp.CSS("#key-input"), keyOps+kb.Enter))
	r.until("the dialog is closed", `!document.querySelector("#key-dialog").open`)
}

const control = `[data-do="breaker"][data-name=%q][data-order=%q]`

// mouse forces a breaker open and resets it with the mouse.
func (r *consoleRig) mouse(t *testing.T) {
	const name = "native-messages"
	r.open("breakers")
	began := time.Now()
	r.watch(`#breaker-` + name + `.hand`)
	r.act(chromedp.Click(chromedp.CSS(fmt.Sprintf(control, name, "force_open"))))
	r.until("the dialog is open", `document.querySelector("#order-dialog").open`)
	r.picture("dialog")
	if found := r.axe(); len(found) > 0 {
		t.Errorf("the dialog: %s", strings.Join(found, "\n"))
	}
	r.act(chromedp.SendKeys(chromedp.CSS("#order-reason"), "the vendor asked for it"), chromedp.Click(chromedp.CSS("#order-submit")))
	r.until("it is forced open", `window.seenAt > 0`)
	r.delayed(t, name, "forced_open", began)
	if got := r.breakers(t)[name]; got != "forced_open" {
		t.Errorf("it is %s", got)
	}
	r.until("the order is told", `["oncall", "the vendor asked for it"].every(s => document.querySelector("#breaker-`+name+`").innerText.includes(s))`)
	r.watch(`#breaker-` + name + `.good`)
	r.act(chromedp.Click(chromedp.CSS(fmt.Sprintf(control, name, "reset"))),
		chromedp.SendKeys(chromedp.CSS("#order-reason"), "it is over"), chromedp.Click(chromedp.CSS("#order-submit")))
	r.until("it is closed", `window.seenAt > 0`)
	r.delayed(t, name, "closed", began)
	if got := r.breakers(t)[name]; got != "closed" {
		t.Errorf("it is %s", got)
	}
}

// keyboard does the same without a mouse, from the top of the page.
func (r *consoleRig) keyboard(t *testing.T) {
	const name = "native-conversation"
	r.open("overview")
	eval[bool](r.browser, `document.activeElement.blur(), scrollTo(0, 0), true`)
	r.tabTo(`.skip`)
	r.tabTo(`.views a[href="#breakers"]`)
	r.keys(kb.Enter)
	r.until("the view has the focus", `document.activeElement?.id === "title-breakers"`)
	for _, step := range []struct{ order, reason, class, state string }{
		{"force_closed", "we know better", "hand", "forced_closed"}, {"reset", "we do not", "good", "closed"},
	} {
		began := time.Now()
		r.watch(`#breaker-` + name + `.` + step.class)
		r.tabTo(fmt.Sprintf(control, name, step.order))
		r.keys(kb.Enter)
		r.until("the reason has the focus", `document.activeElement?.id === "order-reason"`)
		r.keys(append(strings.Split(step.reason, ""), kb.Enter)...)
		r.until("the order is carried out", `window.seenAt > 0 && !document.querySelector("#order-dialog").open`)
		r.delayed(t, name, step.state, began)
		if got := r.breakers(t)[name]; got != step.state {
			t.Errorf("%s: it is %s", step.order, got)
		}
	}
	if !eval[bool](r.browser, `document.activeElement?.closest("#breaker-`+name+`") !== null`) {
		t.Errorf("the focus is lost: %s", eval[string](r.browser, `document.activeElement?.outerHTML.slice(0, 200) ?? "nowhere"`))
	}
	if fast := slices.Min(r.delays); fast > 2*time.Second {
		t.Errorf("the soonest that a change was seen is after %v", fast)
	}
	t.Logf("changes were seen after %v", r.delays)
}
