// Numbers, times and words as people read them.

const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });
const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

export const number = (n) => whole.format(n);

/** A clock time, with the day where it is not today. */
export function time(at) {
  const t = new Date(at);
  const today = t.toDateString() === new Date().toDateString();
  return today ? clock.format(t) : `${day.format(t)}, ${clock.format(t)}`;
}

/** A span of milliseconds, in at most two units. */
export function span(ms) {
  const s = Math.max(0, Math.round(ms / 1000));
  if (s < 60) return `${s} s`;
  const min = Math.floor(s / 60);
  if (min < 60) return `${min} min`;
  const hours = Math.floor(min / 60);
  if (hours < 48) return min % 60 ? `${hours} h ${min % 60} min` : `${hours} h`;
  return `${Math.floor(hours / 24)} days`;
}

/** "12:04:31, 3 min ago" */
export const since = (at, now) => `${time(at)}, ${span(now - new Date(at))} ago`;

/** "in 4 s", or that it is due. */
export function until(at, now) {
  const ms = new Date(at) - now;
  return ms > 500 ? `in ${span(ms)}` : "due now";
}

/** Milliseconds, with as many digits as matter. */
export function millis(ms) {
  if (ms === null || ms === undefined) return "–";
  if (ms >= 1000) return `${(ms / 1000).toFixed(2)} s`;
  return `${ms >= 100 ? ms.toFixed(0) : ms >= 10 ? ms.toFixed(1) : ms.toFixed(2)} ms`;
}

/** A share of a whole, which may be nothing. */
export function percent(part, all) {
  if (!all) return "–";
  const p = (100 * part) / all;
  return p > 0 && p < 1 ? "<1\u00a0%" : p > 99 && p < 100 ? ">99\u00a0%" : `${Math.round(p)}\u00a0%`;
}

export function bytes(n) {
  if (n < 1024) return `${n} B`;
  if (n < 1 << 20) return `${(n / 1024).toFixed(1)} KiB`;
  return `${(n / (1 << 20)).toFixed(1)} MiB`;
}

/** "1 call", "2 calls" */
export const count = (n, one, many = one + "s") => `${number(n)} ${n === 1 ? one : many}`;

/** "a, b and c" */
export function list(words) {
  if (words.length < 2) return words.join("");
  return `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`;
}

const reasons = {
  breaker_open: "the breaker keeps calls back",
  timeout: "it does not answer in time",
  deadline: "no time was left",
  refused: "no connection can be made",
  rate_limited: "the quota is used up",
  upstream_error: "it answers with an error",
  bad_response: "what it answers cannot be read",
  wrong_record: "it answers with another record",
  denied: "it refuses the credentials",
  overloaded: "too many calls were waiting",
  revalidating: "it is being asked now",
  not_found: "it has no such record",
  ambiguous: "two contacts carry the key",
};

/** What a reason means, with the word itself, which is what the log and the interface say. */
export const reason = (kind) => (reasons[kind] ? `${reasons[kind]} (${kind})` : kind);

const states = {
  closed: ["Closed", "good"],
  half_open: ["Half open", "half"],
  open: ["Open", "bad"],
  forced_open: ["Forced open", "hand"],
  forced_closed: ["Forced closed", "hand"],
};

/** The word and the shape of a breaker's state. */
export const state = (s) => states[s] ?? [s, "none"];
