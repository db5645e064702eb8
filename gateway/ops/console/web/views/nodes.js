import { h, icon } from "../dom.js";
import { count, since, span, state, time } from "../format.js";
import { known } from "../live.js";
import { card, facts, pill } from "../pieces.js";

const problems = {
  no_redis: "There is no Redis, so replicas do not know of each other: this one shows itself alone.",
  redis_unavailable: "Redis is away: this replica shows itself alone, and what others say is not known.",
};

export function nodes(now) {
  const f = known.fleet;
  if (!f) return [h("p", { class: "soft" }, "Asking the gateway …")];
  return [
    f.problem ? h("div", { class: "notice warn", key: "problem" }, icon("warn"), h("p", {}, problems[f.problem] ?? f.problem)) : null,
    h("div", { class: "columns", key: "nodes" }, f.nodes.map((n) => node(n, now))),
  ];
}

const statuses = { ready: ["good", "good", "Ready"], degraded: ["warn", "warn", "Degraded"], draining: ["hand", "hand", "Draining"] };

function node(n, now) {
  const broken = n.breakers.filter((b) => b.state !== "closed");
  return card(n.node + (n.self ? " (this one)" : ""),
    h("p", {}, pill(...(statuses[n.status] ?? ["plain", "none", n.status]))),
    facts(
      ["Breakers", broken.length ? h("ul", { class: "plain" }, broken.map((b) => h("li", { key: b.name }, h("strong", {}, b.name), ` ${state(b.state)[0].toLowerCase()} since ${since(b.trouble?.since ?? b.since, now)}`, b.trouble?.cause || b.reason ? ` (${b.trouble?.cause ?? b.reason})` : "")))
        : `${count(n.breakers.length, "breaker")}, all closed`],
      ["Running", `${span(now - new Date(n.startedAt))}, since ${time(n.startedAt)}`],
      ["Version", n.version],
      ["Last said so", `${time(n.at)}`]));
}
