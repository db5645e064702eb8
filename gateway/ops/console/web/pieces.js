// What several views are made of.

import { h, icon } from "./dom.js";
import { state } from "./format.js";

/** A word in a shape: never colour alone. */
export function pill(tone, shape, text) {
  return h("span", { class: `pill ${tone}` }, icon(shape), h("span", {}, text));
}

const tones = { closed: "good", half_open: "warn", open: "bad", forced_open: "hand", forced_closed: "hand" };

export const statePill = (s) => pill(tones[s] ?? "plain", state(s)[1], state(s)[0]);

export const toneOf = (s) => tones[s] ?? "plain";

/** Pairs of a word and what it is, left out where there is nothing. */
export function facts(...pairs) {
  return h("dl", { class: "facts" }, pairs.filter((p) => p && p[1] !== null && p[1] !== undefined && p[1] !== "")
    .map(([word, ...what]) => h("div", { key: word }, h("dt", {}, word), h("dd", {}, ...what))));
}

/** A table that can be scrolled sideways where it has no room. Columns: [title, "number"|""]. */
export function table(caption, columns, rows) {
  const cell = (content, i, tag) => h(tag, { class: columns[i][1] || null, scope: tag === "th" ? "row" : null }, content);
  return h("div", { class: "scroll", role: "region", "aria-label": caption, tabindex: "0" },
    h("table", {},
      h("caption", { class: "visually-hidden" }, caption),
      h("thead", {}, h("tr", {}, columns.map(([title, kind]) => h("th", { scope: "col", class: kind || null }, title)))),
      h("tbody", {}, rows.map(({ key, cells }) => h("tr", { key }, cells.map((c, i) => cell(c, i, i === 0 ? "th" : "td")))))));
}

/** What is said where there is nothing to show. */
export const empty = (title, text) => h("div", { class: "empty" }, icon("none"), h("p", {}, h("strong", {}, title)), text ? h("p", { class: "soft" }, text) : null);

export const card = (title, ...children) => cardOf(title, title, ...children);

/** A card of something whose title another may have too. */
export const cardOf = (key, title, ...children) => h("section", { class: "card", key, "aria-label": title }, h("h2", {}, title), ...children);

/** Figures above their meaning. */
export const figure = (value, text, tone) => h("div", { class: `figure ${tone ?? ""}`, key: text }, h("strong", {}, value), h("span", {}, text));

export const button = (action, data, ...label) =>
  h("button", { type: "button", class: "small", "data-do": action, ...Object.fromEntries(Object.entries(data).map(([k, v]) => ["data-" + k, v])) }, ...label);

const partOrder = ["conversation", "messages", "contact", "account", "attentionItems", "link", "list"];
const partNames = { conversation: "Conversation", messages: "Messages", contact: "Contact", account: "Account", attentionItems: "Attention items", link: "Link", list: "List" };

export const partName = (p) => partNames[p] ?? p;
export const byPart = (a, b) => partOrder.indexOf(a.part) - partOrder.indexOf(b.part);

/** The states of a part with their tones, the good ones first. */
export const partStates = [
  ["fresh", "good"], ["cached", "calm"], ["missing", "plain"], ["unlinked", "plain"], ["stale", "warn"], ["forbidden", "hand"], ["unavailable", "bad"],
];

/** One bar of all states of a part; its text is in the list below it. */
export function stateBar(states) {
  const total = partStates.reduce((n, [s]) => n + (states[s] ?? 0), 0);
  return h("div", { class: "bar", "aria-hidden": "true" }, partStates.filter(([s]) => states[s])
    .map(([s, tone]) => h("span", { key: s, class: `seg ${tone} ${s}`, css: { "flex-grow": String(Math.max(states[s] / total, .006)) } })));
}
