import { h, icon } from "../dom.js";
import { count, list, number, percent, reason, since, time, until, millis } from "../format.js";
import { known } from "../live.js";
import { byHost, incidents, lately, story, tenantName } from "../incidents.js";
import { button, byPart, card, empty, facts, figure, partName, pill, stateBar, statePill, toneOf } from "../pieces.js";
import { draw, grid, place } from "../charts.js";
import { currentKey } from "../api.js";
import { isProbe, transitionRow } from "./events.js";

const minutes = 15; // of the charts

export function overview(now) {
  if (!known.breakers) return [h("p", { class: "soft" }, "Asking the gateway …")];
  const troubles = incidents();
  return [
    verdict(troubles, now),
    troubles.map((t) => incident(t, now)),
    orders(now),
    figures(),
    h("div", { class: "columns", key: "columns" }, upstreams(), parts()),
    h("div", { class: "columns", key: "charts" },
      card("Answers", place("chart-answers", answersText()), legend(["calm", "all"], ["warn", "degraded"], ["bad", "failed"])),
      card("Time until a part was there", place("chart-times", "95th percentile of the time until contact and messages were there, over the last 15 minutes; the page Parts has the figures"),
        legend(["calm", "messages, p95"], ["hand", "contact, p95"]))),
    recent(now),
  ];
}

/** The one sentence that is read first. */
function verdict(troubles, now) {
  if (known.link === "lost") {
    return banner("bad", "bad", "The gateway does not answer", known.heard ? `Last heard at ${time(known.heard)}. What is below is as it was then.` : "Nothing has been heard from it yet.");
  }
  const named = (list) => list.map((t) => `${t.host} (${t.role})`);
  const broken = troubles.filter((t) => t.state === "open" || t.state === "half_open");
  if (broken.length) {
    const title = broken.length === 1 ? `${named(broken)[0]} is failing` : `${broken.length} upstreams are failing: ${list(named(broken))}`;
    return banner("bad", "bad", title, broken.length === 1 ? sentence(broken[0], now) : sentences(broken, now));
  }
  const leaking = troubles.filter((t) => t.state === "leaking");
  if (leaking.length) {
    return banner("warn", "warn", `Answers are not whole: ${list(named(leaking))}`, leaking.length === 1 ? sentence(leaking[0], now) : sentences(leaking, now));
  }
  const forced = troubles.filter((t) => t.state === "forced_open");
  if (forced.length) {
    return banner("hand", "hand", `${list(named(forced))} ${forced.length === 1 ? "is" : "are"} kept from answering by hand`, sentences(forced, now));
  }
  const l = lately(10);
  if (!l) return banner("plain", "half", "All breakers let calls through", "What callers are answered is not known yet.");
  const lacking = l.degraded + l.failed;
  const said = lacking ? `${count(lacking, "answer")} of the last 10 minutes ${lacking === 1 ? "was" : "were"} not whole, none in the last minute.`
    : l.answers ? `${count(l.answers, "answer")} in the last 10 minutes, and nothing was missing.` : "Nobody has asked for anything in the last 10 minutes.";
  return banner("good", "good", "Everything answers", `${count(known.breakers.length, "breaker")}, all letting calls through. ${said}`);
}

/** When, why, and how many documents. */
function sentence(t, now) {
  const why = t.kind ?? t.broken.map((b) => b.lastError).filter(Boolean).toSorted((a, b) => (a.at < b.at ? 1 : -1))[0]?.kind;
  return [`Since ${since(t.since, now)}`, why ? `: ${reason(why)}` : "", ". ", consequence(t.effect), "."];
}

function sentences(list, now) {
  const failed = list.reduce((n, t) => n + t.effect.failed, 0);
  return `Since ${since(new Date(Math.min(...list.map((t) => t.since))), now)}. ` +
    (list.some((t) => !t.effect.known) ? "What callers are answered is not known yet."
      : failed ? `${count(failed, "document")} could not be given at all.` : "Conversations are still answered, with earlier copies or without the part.");
}

const banner = (tone, shape, title, ...text) =>
  h("div", { class: `verdict ${tone}`, key: "verdict" }, icon(shape), h("div", {}, h("p", { class: "headline" }, title), h("p", {}, ...text)));

function incident(t, now) {
  const kinds = t.kind ? [t.kind] : [...new Set(t.broken.map((b) => b.lastError?.kind).filter(Boolean))];
  const last = t.lastAt ?? t.broken.map((b) => b.lastError?.at).filter(Boolean).toSorted().at(-1);
  const leaking = t.state === "leaking";
  return h("article", { class: `incident ${leaking ? "warn" : toneOf(t.state)}`, key: "incident-" + t.host, "aria-label": `Trouble with ${t.host}` },
    h("header", {},
      h("h2", {}, t.host, " ", h("span", { class: "role" }, t.role)), leaking ? pill("warn", "warn", "Answers not whole") : statePill(t.state),
      t.url === "redis" ? null : h("code", { class: "url" }, t.url)),
    facts(
      [t.state.startsWith("forced") ? "By hand since" : "Failing since", since(t.since, now)],
      ["What", leaking ? "calls are let through: too few have failed for a breaker to open, or they fail for some tenants alone"
        : h("ul", { class: "plain" }, alike(t.broken, now).map(([what, names]) => h("li", { key: names.join() }, h("strong", {}, list(names)), ": ", what)))],
      ["Last failure", kinds.length ? [kinds.map(reason).join("; "), last ? ` at ${time(last)}` : ""] : null],
      ["Touches", t.tenants.length ? list(t.tenants.map(tenantName)) : "every tenant"],
      ["Effect", consequence(t.effect)],
      ["Next try", t.state === "forced_open" ? null : t.nextProbe ? until(t.nextProbe, now) : t.state === "half_open" ? "being made now" : null],
      ["Seen by", !leaking && (known.fleet?.nodes.length ?? 0) > 1 ? `${t.nodes.length} of ${known.fleet.nodes.length} replicas` : null],
    ),
    h("p", { class: "actions" }, h("a", { href: "#breakers/" + encodeURIComponent(t.host) }, "Breakers of " + t.host),
      currentKey() && t.host !== "redis" ? button("cache-only", { order: "start", upstream: t.host }, "Serve from cache only") : null));
}

/** Breakers of which the same is to be said, under what that is. */
function alike(breakers, now) {
  const said = new Map();
  for (const b of breakers) said.set(why(b, now), [...(said.get(why(b, now)) ?? []), b.operation]);
  return [...said];
}

function why(b, now) {
  if (b.forced) return `${b.state === "forced_open" ? "kept back" : "let through"} by ${b.forced.by} until ${time(b.forced.until)}: ${b.forced.reason}`;
  return story(b) || `not closed since ${since(b.since, now)}`;
}

function consequence(e) {
  if (!e.known) return "how many documents it touches is not known yet";
  const started = e.whole ? "since then" : "in the last hour";
  if (!e.answers) return `no document was asked for ${started}`;
  return [h("strong", {}, `${number(e.degraded)} of ${count(e.answers, "document")}`), ` degraded ${started} (${percent(e.degraded, e.answers)})`,
    e.failed ? `, ${number(e.failed)} of them not given at all` : ", none lost"];
}

function orders(now) {
  return (known.cacheOnly ?? []).map((o) => h("div", { class: "notice hand", key: `order-${o.tenant ?? ""}-${o.upstream ?? ""}` }, icon("hand"),
    h("p", {}, h("strong", {}, o.upstream ?? tenantName(o.tenant)), ` is served from the cache only, by ${o.by}, for ${until(o.until, now).replace(/^in /, "")} more: ${o.reason}`),
    currentKey() ? button("cache-only", { order: "end", ...(o.tenant ? { tenant: o.tenant } : { upstream: o.upstream }) }, "End it") : null));
}

function figures() {
  const l = lately(10), total = known.activity?.totals;
  const contact = known.activity?.parts.find((p) => p.part === "contact"), conversation = known.activity?.parts.find((p) => p.part === "conversation");
  return h("div", { class: "figures", key: "figures", role: "group", "aria-label": "The last 10 minutes" },
    figure(l ? number(l.answers) : "–", "answers, 10 min"),
    figure(l ? number(l.degraded) : "–", "of them degraded", l?.degraded ? "warn" : ""),
    figure(l ? number(l.failed) : "–", "not answered at all", l?.failed ? "bad" : ""),
    figure(millis(conversation?.p95Ms), "conversation, p95"),
    figure(millis(contact?.p95Ms), "contact, p95"),
    total ? figure(number(total.answers), "answers since the start") : null);
}

function upstreams() {
  return card("Upstreams", h("ul", { class: "rows" }, byHost(known.breakers).map((g) => h("li", { key: g.host },
    h("div", { class: "row-head" }, h("strong", {}, g.host), h("span", { class: "soft" }, g.role)),
    h("ul", { class: "chips" }, g.breakers.map((b) => h("li", { key: b.name, class: `chip ${toneOf(b.state)}` }, icon(b.state === "closed" ? "good" : b.state === "open" ? "bad" : b.state === "half_open" ? "half" : "hand"),
      b.operation, h("span", { class: b.state === "closed" ? "visually-hidden" : "state" }, " ", b.state.replace("_", " ")))))))));
}

function parts() {
  if (!known.activity) return card("Parts, last 10 minutes", h("p", { class: "soft" }, "Not known yet"));
  const all = known.activity.parts.filter((p) => !["link", "list"].includes(p.part)).toSorted(byPart);
  if (!all.length) return card("Parts, last 10 minutes", empty("No documents yet", "As soon as somebody asks for one, it shows here which parts were whole."));
  return card("Parts, last 10 minutes", h("ul", { class: "rows" }, all.map((p) => {
    const shown = Object.entries(p.states).filter(([s]) => s !== "skipped");
    const total = shown.reduce((n, [, v]) => n + v, 0);
    return h("li", { key: p.part }, h("div", { class: "row-head" }, h("strong", {}, partName(p.part)),
      h("span", { class: "soft num" }, shown.toSorted((a, b) => b[1] - a[1]).map(([s, n]) => `${s}\u00a0${percent(n, total)}`).join(" · "))), stateBar(p.states));
  })));
}

const legend = (...entries) => h("ul", { class: "legend" }, entries.map(([tone, text], i) => h("li", {}, h("span", { class: `swatch ${tone} s${i}`, "aria-hidden": "true" }), text)));

function answersText() {
  const l = lately(minutes);
  return l === null ? `Answers over the last ${minutes} minutes: not known yet` : `Answers over the last ${minutes} minutes: ${l.answers}, of them ${l.degraded} degraded and ${l.failed} failed`;
}

function recent(now) {
  const last = (known.events ?? []).filter((t) => !isProbe(t)).slice(-5).reverse();
  if (!last.length) return null;
  return card("Latest changes", h("ol", { class: "timeline" }, last.map((t) => transitionRow(t, now))), h("p", { class: "actions" }, h("a", { href: "#events" }, "All events")));
}

/** Draws what overview has left room for. */
export function drawOverview() {
  const a = known.activity;
  if (!a) return;
  draw("chart-answers", [{ label: "all", tone: "--calm", fill: "--calm-tint" }, { label: "degraded", tone: "--warn", fill: "--warn-tint" }, { label: "failed", tone: "--bad", dash: [4, 3] }],
    grid(a, minutes, [(s) => s.answers, (s) => s.degraded, (s) => s.failed], 0), (v) => String(v));
  draw("chart-times", [{ label: "messages", tone: "--calm" }, { label: "contact", tone: "--hand", dash: [6, 3] }],
    grid(a, minutes, [(s) => s.p95Ms.messages, (s) => s.p95Ms.contact], null), (v) => (v >= 1000 ? `${v / 1000} s` : `${v} ms`));
}
