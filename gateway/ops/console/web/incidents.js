// From breakers, events and answers to what is broken, since when, and whom it touches.

import { reason } from "./format.js";
import { known } from "./live.js";

/** The name of a breaker's upstream, as metrics and orders have it. */
export function hostOf(b) {
  if (b.upstream === "redis") return "redis";
  const end = "-" + b.operation;
  return b.name.endsWith(end) ? b.name.slice(0, -end.length) : b.name;
}

const roles = { crm: "CRM", store: "Conversation store", redis: "Shared cache" };

/** What an upstream is to the tenants. */
export function roleOf(host) {
  if (host === "redis") return roles.redis;
  for (const t of known.tenants ?? []) for (const s of t.sources) if (s.upstream === host) return roles[s.role];
  return "Upstream";
}

export const tenantName = (id) => known.tenants?.find((t) => t.id === id)?.name || id;

export const healthy = (b) => b.state === "closed";

/** When the trouble began. */
export const brokenSince = (b) => new Date(b.trouble?.since ?? b.since);

/** Why it left the closed state, in words, and what its calls fail with since where that is something else. */
export function story(b) {
  const cause = b.trouble?.cause ?? b.reason;
  const kind = /(?:last |failed: )([a-z_]+)$/.exec(cause)?.[1];
  const said = cause.replace(/(?:, last |: )([a-z_]+)$/, (_, k) => `: ${reason(k)}`);
  return kind && b.lastError && b.lastError.kind !== kind ? `${said}; now: ${reason(b.lastError.kind)}` : said;
}

/** Breakers by upstream, in the order of their names. */
export function byHost(breakers) {
  const hosts = new Map();
  for (const b of breakers) {
    const host = hostOf(b);
    if (!hosts.has(host)) hosts.set(host, []);
    hosts.get(host).push(b);
  }
  return [...hosts].map(([host, list]) => ({ host, role: roleOf(host), url: list[0].upstream, breakers: list }));
}

/** What is broken, and what degrades answers although no breaker is open: what touches most first. */
export function incidents() {
  const byWeight = (a, b) => b.effect.degraded - a.effect.degraded || a.since - b.since;
  const groups = byHost(known.breakers ?? []);
  return [...groups.map(trouble).filter(Boolean).toSorted(byWeight), ...groups.map(leak).filter(Boolean).toSorted(byWeight)];
}

function trouble(group) {
  const broken = group.breakers.filter((b) => !healthy(b));
  if (!broken.length) return null;
  const since = new Date(Math.min(...broken.map(brokenSince)));
  return {
    ...group, broken, since,
    state: worst(broken),
    tenants: [...new Set(broken.flatMap((b) => b.tenants ?? []))],
    effect: effect(group.host, since),
    nextProbe: broken.map((b) => b.nextProbeAt).filter(Boolean).toSorted()[0] ?? null,
    nodes: (known.fleet?.nodes ?? []).filter((n) => n.breakers.some((b) => hostOf(b) === group.host && b.state !== "closed")).map((n) => n.node),
  };
}

const lasting = 60_000; // ms after the last answer that was not whole

/** An upstream that answers were not whole because of just now, while all its breakers let calls through: too few calls fail,
 *  or they fail for a tenant alone, as where its credentials are refused. */
function leak(group) {
  const a = known.activity, touch = a?.upstreams.find((u) => u.upstream === group.host);
  if (!touch || group.breakers.some((b) => b.state !== "closed" && b.state !== "forced_closed")) return null;
  const at = new Date(a.at);
  const lastAt = new Date(touch.lastAt);
  if (at - lastAt > lasting || group.breakers.some((b) => new Date(b.since) > lastAt)) return null; // what it was about is over
  const hurt = a.steps.findLast((step) => step.degradedBy[group.host] > 0);
  if (!hurt) return null;
  const sum = effect(group.host, new Date(hurt.at));
  const held = (known.cacheOnly ?? []).filter((o) => o.upstream === group.host || o.tenant);
  const tenants = touch.tenants.filter((t) => at - new Date(t.lastAt) <= lasting && !held.some((o) => o.upstream || o.tenant === t.tenant)).map((t) => t.tenant);
  if (!tenants.length) return null; // by order
  return { ...group, broken: [], since: sum.since, state: "leaking", tenants, effect: sum, kind: touch.lastReason, lastAt: touch.lastAt, nextProbe: null, nodes: [] };
}

const severity = ["open", "forced_open", "half_open", "forced_closed", "closed"];

export const worst = (breakers) => severity.find((s) => breakers.some((b) => b.state === s)) ?? "closed";

/** What became of answers because of an upstream since a moment, and on the way to it. */
export function effect(host, since) {
  const a = known.activity;
  const sum = { known: a !== null, answers: 0, degraded: 0, failed: 0, whole: true, since };
  if (!a) return sum;
  // Answers were degraded before the breaker opened: from the first of the steps that led to it.
  const hurt = (step) => step.degradedBy[host] > 0;
  let first = a.steps.findIndex((step) => new Date(step.at).getTime() + a.stepSeconds * 1000 >= since.getTime());
  if (first < 0) return sum;
  while (first > 0 && hurt(a.steps[first - 1])) first--;
  sum.since = new Date(Math.min(since, new Date(a.steps[first].at)));
  for (const step of a.steps.slice(first)) {
    sum.answers += step.answers;
    sum.failed += step.failedBy[host] ?? 0;
    sum.degraded += step.degradedBy[host] ?? 0;
  }
  sum.whole = new Date(a.at) - since < 3_600_000; // no more is kept
  return sum;
}

/** Sums over the last minutes. `null`: not known yet. */
export function lately(minutes) {
  const a = known.activity;
  if (!a) return null;
  const sum = { answers: 0, degraded: 0, failed: 0 };
  for (const step of a.steps) {
    if (new Date(a.at) - new Date(step.at) > minutes * 60_000) continue;
    for (const k of Object.keys(sum)) sum[k] += step[k];
  }
  return sum;
}
