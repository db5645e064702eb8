import { h, icon } from "../dom.js";
import { millis, reason, span, time } from "../format.js";
import { known } from "../live.js";
import { tenantName } from "../incidents.js";
import { byPart, card, facts, partName, pill, table } from "../pieces.js";
import { currentKey, order } from "../api.js";

let result = null; // what was last explained
let wrong = "";
let busy = false;

export function explain() {
  return [
    h("form", { class: "card ask", key: "form", id: "explain-form", "data-do": "explain" },
      h("div", {}, h("label", { for: "explain-tenant" }, "Tenant"),
        h("select", { id: "explain-tenant", required: true }, (known.tenants ?? []).map((t) => h("option", { value: t.id, key: t.id }, named(t))))),
      h("div", { class: "grow" }, h("label", { for: "explain-id" }, "Conversation id"),
        h("input", { id: "explain-id", type: "text", required: true, pattern: "[A-Za-z0-9_\\-]{1,64}", maxlength: "64", autocomplete: "off", spellcheck: "false" })),
      h("div", {}, currentKey() ? h("button", { type: "submit", class: "primary", disabled: busy }, busy ? "Asking …" : "Explain")
        : h("button", { type: "button", class: "primary", "data-do": "unlock" }, "Unlock to explain"))),
    wrong ? h("div", { class: "notice bad", key: "wrong", role: "alert" }, icon("bad"), h("p", {}, wrong)) : null,
    h("div", { key: "result", id: "explain-result", role: "region", "aria-label": "Explanation", tabindex: "-1" }, result ? show(result) : null),
  ];
}

/** The tenant's name, with its id where another has the same. */
const named = (t) => (known.tenants.some((o) => o !== t && o.name === t.name) ? `${t.name} (${t.id})` : t.name || t.id);

/** Asks, and shows the answer. */
export async function ask(draw) {
  const tenant = document.getElementById("explain-tenant").value, conversation = document.getElementById("explain-id").value.trim();
  busy = true;
  wrong = "";
  draw();
  try {
    result = await order("explain", { tenant, conversation });
  } catch (e) {
    wrong = e.message;
    if (e.status === 401) throw e;
  } finally {
    busy = false;
    draw();
  }
  if (!wrong) document.getElementById("explain-result").focus();
}

function show(x) {
  const found = x.outcome === "document";
  return [
    card("Answer",
      h("p", {}, found ? (x.complete ? pill("good", "good", "Whole") : pill("warn", "warn", "Not whole")) : pill("bad", "bad", "No document"), " ",
        h("strong", { class: "num" }, millis(x.tookMs)), found ? "" : ` ${reason(x.outcome)}`),
      facts(["Conversation", h("code", {}, x.conversation)], ["Tenant", tenantName(x.tenant)], ["Asked at", time(x.at)],
        ["Contact", x.contactId ? h("code", {}, x.contactId) : null], ["Account", x.accountId ? h("code", {}, x.accountId) : null])),
    found ? card("Parts of the answer", table("State of each part", [["Part", ""], ["State", ""], ["Why", ""], ["As of", ""], ["There after", "num"]],
      x.parts.toSorted(byPart).map((p) => ({ key: p.part, cells: [partName(p.part), stateOf(p), because(p), p.asOf ? time(p.asOf) : "–", millis(p.tookMs)] })))) : null,
    card("What happened", h("ol", { class: "waterfall" }, x.steps.filter((s) => s.kind !== "call" || s.outcome !== "breaker_open").map((s, i) => step(s, i, x.tookMs)))),
  ];
}

const tones = { fresh: ["good", "good"], cached: ["calm", "good"], stale: ["warn", "warn"], unavailable: ["bad", "bad"], forbidden: ["hand", "hand"] };
const stateOf = (p) => pill(...(tones[p.state] ?? ["plain", "none"]), p.state);

function because(p) {
  const said = [p.reason ? reason(p.reason) : "", p.ageSeconds >= 1 ? `copy of ${span(p.ageSeconds * 1000)} ago` : "", p.retryAfterSeconds >= .5 ? `next try in ${span(p.retryAfterSeconds * 1000)}` : ""].filter(Boolean);
  return said.join(", ") || p.source || "–";
}

const kinds = {
  prefetch: ["Copies", "calm"], lookup: ["Cache", "calm"], breaker: ["Breaker", "plain"], call: ["Call", "hand"], walk: ["List", "plain"],
};

function step(s, i, total) {
  const [word, tone] = kinds[s.kind] ?? [s.kind, "plain"];
  const all = Math.max(total, s.startMs + s.tookMs, .01);
  const kept = s.kind === "breaker" && s.outcome !== "closed", failed = s.kind === "call" && s.outcome !== "ok" && s.outcome !== "not_found";
  return h("li", { class: `${s.kind} ${kept || failed ? "bad" : tone}`, key: "step-" + i },
    h("div", { class: "what" }, h("span", { class: "kind" }, word), 
      h("span", {}, h("strong", {}, s.source && s.kind !== "lookup" ? `${s.source} ${s.name}` : s.name), " ", kept || failed ? icon("bad") : null, " ", h("span", { class: "soft" }, outcome(s)))),
    h("div", { class: "track", "aria-hidden": "true" }, h("span", { css: { left: `${(100 * s.startMs) / all}%`, width: `max(3px, ${(100 * s.tookMs) / all}%)` } })),
    h("div", { class: "num took" }, s.kind === "breaker" ? h("span", { class: "soft" }, "at ", millis(s.startMs)) : millis(s.tookMs)));
}

const decisions = { loaded: "asked the source", cached: "a fresh copy", stale: "an older copy", absent: "known to be none", failed: "nothing to show", miss: "no copy", copy: "there is a copy" };

function outcome(s) {
  const why = s.reason ? `, ${reason(s.reason)}` : "", retry = s.retryAfterSeconds >= .5 ? `, next try in ${span(s.retryAfterSeconds * 1000)}` : "";
  switch (s.kind) {
    case "breaker": return s.outcome === "closed" ? "lets calls through" : (s.outcome === "breaker_open" ? "keeps the call back" : `keeps the call back: ${reason(s.outcome)}`) + retry;
    case "call": return (s.outcome === "ok" ? "answered" : reason(s.outcome)) + retry;
    case "walk": return s.outcome === "found" ? "shows the conversation" : s.outcome === "not_found" ? "does not have it" : `could not be searched${why}`;
    default: return (decisions[s.outcome] ?? s.outcome) + (s.fromRedis ? " from Redis" : "") + (s.ageSeconds >= 1 ? ` of ${span(s.ageSeconds * 1000)} ago` : "") + why;
  }
}
