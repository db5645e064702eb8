import { h } from "../dom.js";
import { millis, number, percent, reason } from "../format.js";
import { known } from "../live.js";
import { byPart, card, empty, partName, partStates, stateBar, table } from "../pieces.js";
import { draw, grid, place } from "../charts.js";

const shades = [["conversation", "--good"], ["messages", "--calm"], ["contact", "--hand"], ["account", "--warn"]];

export function parts() {
  const a = known.activity;
  if (!a) return [h("p", { class: "soft" }, "Asking the gateway …")];
  const all = a.parts.toSorted(byPart);
  if (!all.length) return [empty("No documents yet", "Figures are over the last 10 minutes.")];
  return [
    card("States, last 10 minutes", h("ul", { class: "rows wide" }, all.map(row)),
      h("ul", { class: "legend" }, partStates.filter(([s]) => all.some((p) => p.states[s])).map(([s, tone]) => h("li", { key: s }, h("span", { class: `swatch ${tone} ${s}`, "aria-hidden": "true" }), s)))),
    card("Time until the part was there, p95", place("chart-parts", "95th percentile over the last 30 minutes, in the table below for the last 10"),
      h("ul", { class: "legend" }, shades.map(([p, c], i) => h("li", { key: p }, h("span", { class: `swatch line ${c.slice(2)} s${i}`, "aria-hidden": "true" }), partName(p).toLowerCase())))),
    card("Figures, last 10 minutes", table("Parts in figures",
      [["Part", ""], ["Answered", "num"], ["Whole", "num"], ["p50", "num"], ["p95", "num"], ["p99", "num"]],
      all.map((p) => ({ key: p.part, cells: [partName(p.part), number(total(p)), percent(total(p) - lost(p), total(p)), millis(p.p50Ms), millis(p.p95Ms), millis(p.p99Ms)] })))),
  ];
}

const total = (p) => Object.entries(p.states).reduce((n, [s, v]) => n + (s === "skipped" ? 0 : v), 0);
const lost = (p) => (p.states.stale ?? 0) + (p.states.forbidden ?? 0) + (p.states.unavailable ?? 0);

function row(p) {
  const because = Object.entries(p.reasons).toSorted((a, b) => b[1] - a[1]);
  return h("li", { key: p.part },
    h("div", { class: "row-head" }, h("strong", {}, partName(p.part)),
      h("span", { class: "soft num" }, partStates.filter(([s]) => p.states[s]).map(([s]) => `${s} ${number(p.states[s])}`).join(" · "))),
    stateBar(p.states),
    because.length ? h("p", { class: "soft because" }, because.map(([r, n]) => `${reason(r)}: ${number(n)}`).join("; ")) : null);
}

/** Draws what parts has left room for. */
export function drawParts() {
  if (!known.activity) return;
  draw("chart-parts", shades.map(([label, tone], i) => ({ label, tone, dash: [undefined, [8, 3], [4, 3], [2, 3]][i] })),
    grid(known.activity, 30, shades.map(([p]) => (s) => s.p95Ms[p]), null), (v) => (v >= 1000 ? `${v / 1000} s` : `${v} ms`));
}
