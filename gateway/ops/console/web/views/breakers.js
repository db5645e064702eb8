import { h } from "../dom.js";
import { count, number, percent, reason, since, time, until } from "../format.js";
import { known } from "../live.js";
import { byHost, brokenSince, healthy, story, tenantName } from "../incidents.js";
import { button, empty, facts, statePill, toneOf } from "../pieces.js";
import { currentKey } from "../api.js";

export function breakers(now) {
  if (!known.breakers) return [h("p", { class: "soft" }, "Asking the gateway …")];
  if (!known.breakers.length) return [empty("No breakers", "No upstream is configured.")];
  return byHost(known.breakers).map((g) => h("section", { class: "group", key: g.host, "aria-label": g.host },
    h("header", {}, h("h2", { id: "group-" + g.host, tabindex: "-1" }, g.host, " ", h("span", { class: "role" }, g.role)), g.url === "redis" ? null : h("code", { class: "url" }, g.url)),
    h("div", { class: "cards" }, g.breakers.map((b) => breaker(b, now)))));
}

function breaker(b, now) {
  const w = b.window;
  return h("article", { class: `breaker ${toneOf(b.state)}`, key: b.name, id: "breaker-" + b.name, "aria-label": b.name },
    h("header", {}, h("h3", {}, b.operation), statePill(b.state)),
    h("p", { class: "since" }, healthy(b) ? `Closed since ${since(b.since, now)}` : b.forced ? `By hand since ${since(b.forced.at, now)}` : `Failing since ${since(brokenSince(b), now)}`),
    healthy(b) || b.forced ? null : h("p", { class: "why" }, story(b)),
    facts(
      ["Last " + Math.round(w?.seconds ?? 0) + " s", w ? w.successes + w.failures === 0 ? "no calls" : [number(w.successes), " well, ", number(w.failures), " failed", w.failures ? ` (${percent(w.failures, w.successes + w.failures)})` : ""] : null],
      ["Kept back", b.rejected ? [count(b.rejected, "call"), " since the start"] : null],
      ["In flight", b.inFlight ? number(b.inFlight) : null],
      ["Last failure", b.lastError ? `${reason(b.lastError.kind)}, ${time(b.lastError.at)}` : null],
      ["Next try", b.nextProbeAt ? until(b.nextProbeAt, now) : null],
      ["Probes", b.halfOpen ? `${b.halfOpen.places - b.halfOpen.free} of ${b.halfOpen.places} made or under way` : null],
      ["By hand", b.forced ? `${b.forced.by}, until ${time(b.forced.until)}: ${b.forced.reason}` : null],
      ["Opened", b.openings ? [count(b.openings, "time"), b.trip ? `, last at ${time(b.trip.at)}` : ""] : null],
      ["Touches", healthy(b) || !b.tenants?.length ? null : b.tenants.map(tenantName).join(", ")],
    ),
    currentKey() ? h("p", { class: "actions" },
      button("breaker", { name: b.name, order: "force_open" }, "Force open", hidden(b)),
      button("breaker", { name: b.name, order: "force_closed" }, "Force closed", hidden(b)),
      button("breaker", { name: b.name, order: "reset" }, "Reset", hidden(b))) : null);
}

const hidden = (b) => h("span", { class: "visually-hidden" }, " ", b.name);
