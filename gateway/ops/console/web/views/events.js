import { h, icon } from "../dom.js";
import { count, span, state, time } from "../format.js";
import { known } from "../live.js";
import { empty, toneOf } from "../pieces.js";

const shown = 100;

/** A probe that is about to be made, or has failed: where the trouble lasts there are many of them, and none says anything new. */
export const isProbe = (t) => t.to === "half_open" || (t.from === "half_open" && t.to === "open");

let withProbes = false;
export const toggleProbes = () => { withProbes = !withProbes; };

export function events(now) {
  if (!known.events) return [h("p", { class: "soft" }, "Asking the gateway …")];
  if (!known.events.length) return [empty("Nothing has changed", "Every breaker is as it was when the gateway started.")];
  const all = known.events.filter((t) => withProbes || !isProbe(t)), newest = all.slice(-shown).reverse();
  const hidden = known.events.length - known.events.filter((t) => !isProbe(t)).length;
  return [
    hidden ? h("p", { key: "probes" }, h("button", { type: "button", class: "small", "data-do": "probes", "aria-pressed": String(withProbes) }, `Show ${count(hidden, "failed or pending probe")} too`)) : null,
    all.length ? h("ol", { class: "timeline card", key: "list" }, newest.map((t) => transitionRow(t, now)))
      : empty("Probes alone", "What began the trouble is older than the last 500 changes; the overview knows when that was."),
    all.length > shown ? h("p", { class: "soft", key: "more" }, `The newest ${shown} of ${all.length}.`) : null];
}

/** One change, as a line. */
export function transitionRow(t, now) {
  const [word, shape] = state(t.to);
  return h("li", { key: `event-${t.id}`, class: toneOf(t.to) }, icon(shape),
    h("div", {}, h("p", {}, h("strong", {}, t.breaker), ` ${word.toLowerCase()}`, h("span", { class: "soft" }, `, was ${state(t.from)[0].toLowerCase()}`)),
      t.cause || t.by ? h("p", { class: "soft" }, t.cause, t.by && !t.cause.includes(t.by) ? ` · by ${t.by}` : "") : null),
    h("time", { class: "soft num", datetime: t.at }, time(t.at), h("span", {}, `${span(now - new Date(t.at))} ago`)));
}
