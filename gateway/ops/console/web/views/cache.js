import { h } from "../dom.js";
import { bytes, number, percent, span } from "../format.js";
import { known } from "../live.js";
import { card, empty, facts, figure, table } from "../pieces.js";

export function cache() {
  const c = known.cache;
  if (!c) return [h("p", { class: "soft" }, "Asking the gateway …")];
  const used = c.kinds.filter((k) => asked(k) > 0);
  const sum = (f) => used.reduce((n, k) => n + f(k), 0);
  return [
    h("div", { class: "figures", key: "figures" },
      figure(percent(sum((k) => k.hit + k.negative), sum(asked)), "answered by a fresh copy"),
      figure(number(sum((k) => k.stale)), "answered by an older copy", sum((k) => k.stale) ? "warn" : ""),
      figure(number(sum((k) => k.loads)), "calls of sources"),
      figure(`${bytes(c.memory.bytes)}`, `of ${bytes(c.memory.maximumBytes)} in memory`),
      figure(number(c.memory.entries), "records in memory"),
      figure(number(c.memory.evictions), "had to go for want of room")),
    used.length ? card("By kind", table("Records by kind and what answered",
      [["Kind", ""], ["Asked for", "num"], ["Fresh copy", "num"], ["Source", "num"], ["Older copy", "num"], ["Known absent", "num"], ["Not to be had", "num"], ["In memory", "num"], ["In Redis", "num"]],
      used.map((k) => ({ key: k.kind, cells: [k.kind, number(asked(k)), number(k.hit), number(k.loaded), number(k.stale), number(k.negative), number(k.miss), share(k.memory), share(k.redis)] }))))
      : card("By kind", empty("Nothing was asked for yet")),
    used.some((k) => k.ages?.some((a) => a.count)) ? card("Age of the copies that were shown", table("Ages by kind",
      [["Kind", ""], ...(used[0].ages ?? []).map((a, i) => [ageTitle(used[0].ages, i), "num"])],
      used.filter((k) => k.ages.some((a) => a.count)).map((k) => ({ key: k.kind, cells: [k.kind, ...k.ages.map((a) => (a.count ? number(a.count) : "·"))] })))) : null,
    c.redis ? card("Redis", facts(
      ["Reads", [number(c.redis.reads), c.redis.readErrors ? `, ${number(c.redis.readErrors)} failed` : ", none failed"]],
      ["Skipped", c.redis.bypassed ? `${number(c.redis.bypassed)} reads, while its breaker was not closed` : "none"],
      ["Writes", [number(c.redis.writes), c.redis.writeErrors ? `, ${number(c.redis.writeErrors)} failed` : "", c.redis.dropped ? `, ${number(c.redis.dropped)} dropped` : ""]],
      ["Damaged", c.redis.corrupt ? number(c.redis.corrupt) : "none"],
      ["Heard from replicas", [number(c.redis.heard), c.redis.gaps ? `, ${number(c.redis.gaps)} times not to be heard` : ""]]))
      : card("Redis", empty("There is no Redis", "Replicas share nothing, and a restart begins with an empty cache.")),
  ];
}

const asked = (k) => k.loaded + k.hit + k.stale + k.negative + k.miss;
const share = (tier) => percent(tier.hit + tier.negative, tier.hit + tier.stale + tier.negative + tier.miss);
const ageTitle = (ages, i) => (ages[i].upToSeconds === null ? "older" : "to " + span(ages[i].upToSeconds * 1000));
