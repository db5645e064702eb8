import { h } from "../dom.js";
import { count, number, percent, span, time } from "../format.js";
import { known } from "../live.js";
import { button, cardOf, empty, facts, partName, pill, stateBar } from "../pieces.js";
import { currentKey } from "../api.js";

export function tenants() {
  if (!known.tenants) return [h("p", { class: "soft" }, "Asking the gateway …")];
  if (!known.tenants.length) return [empty("No tenants", "The configuration names none.")];
  return known.tenants.map(tenant);
}

function tenant(t) {
  const r = t.requests;
  return cardOf(t.id, t.name || t.id,
    h("p", { class: "id" }, h("code", {}, t.id)),
    facts(
      ["Requests", [`${r.perSecond.toFixed(1)} a second, ${number(r.total)} since the start`, r.inFlight ? `, ${number(r.inFlight)} under way` : ""]],
      ["Refused", r.limited ? `${count(r.limited, "request")} over its rate limit` : "none"],
      ["Failed", r.failed ? count(r.failed, "request") : "none"],
      ["Sources", h("ul", { class: "plain" }, t.sources.map((s) => h("li", { key: s.role }, h("strong", {}, s.upstream), ` (${s.role === "crm" ? "CRM" : "store"}) `, source(s))))],
      ["Left", t.quotas.length ? h("ul", { class: "plain" }, t.quotas.map((q) => h("li", { key: q.scope + (q.key ?? "") },
        h("strong", {}, q.scope === "tenant" ? "tenant" : `key ${q.key}`), `: ${number(q.left)} of ${number(q.burst)}, at ${time(q.at)}`))) : "no rate limits, or nobody has asked yet"]),
    h("ul", { class: "rows" }, Object.entries(t.parts).map(([part, states]) => {
      const shown = Object.entries(states).filter(([s]) => s !== "skipped"), all = shown.reduce((n, [, v]) => n + v, 0);
      return all ? h("li", { key: part }, h("div", { class: "row-head" }, h("strong", {}, partName(part)),
        h("span", { class: "soft num" }, shown.toSorted((a, b) => b[1] - a[1]).map(([s, n]) => `${s}\u00a0${percent(n, all)}`).join(" · "))), stateBar(states)) : null;
    })),
    currentKey() ? h("p", { class: "actions" }, t.sources.some((s) => s.cacheOnly)
      ? button("cache-only", { order: "end", tenant: t.id }, "Ask its sources again")
      : button("cache-only", { order: "start", tenant: t.id }, "Serve from cache only", h("span", { class: "visually-hidden" }, " ", t.name))) : null);
}

function source(s) {
  if (s.cacheOnly) return pill("hand", "hand", "from cache only");
  if (s.gateClosedSeconds > 0) return pill("warn", "warn", `quota used up, ${span(s.gateClosedSeconds * 1000)}`);
  return pill("good", "good", "calls go through");
}
