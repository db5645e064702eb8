// The page: which view is shown, what is drawn when, and orders.

import { patch, h, icon } from "./dom.js";
import { state, time } from "./format.js";
import { begin, known, refresh } from "./live.js";
import { currentKey, order, setKey } from "./api.js";
import { forget } from "./charts.js";
import { tenantName } from "./incidents.js";
import { overview, drawOverview } from "./views/overview.js";
import { breakers } from "./views/breakers.js";
import { parts, drawParts } from "./views/parts.js";
import { cache } from "./views/cache.js";
import { tenants } from "./views/tenants.js";
import { events, toggleProbes } from "./views/events.js";
import { nodes } from "./views/nodes.js";
import { ask, explain } from "./views/explain.js";

const views = { overview, breakers, parts, cache, tenants, events, nodes, explain };
const pictures = { overview: drawOverview, parts: drawParts };
const byId = (id) => document.getElementById(id);

let view = "overview";

// --- what is shown -----------------------------------------------------------

function draw() {
  patch(byId(`view-${view}`).querySelector(".body"), views[view](new Date()));
  pictures[view]?.();
  drawLink();
}

const links = {
  live: ["good", () => "Live"],
  polling: ["half", () => "Asking every 2 s"],
  lost: ["bad", () => (known.heard ? `No answer since ${time(known.heard)}` : "No answer")],
  connecting: ["half", () => "Connecting"],
};

function drawLink() {
  const [shape, text] = links[known.link];
  patch(byId("link"), icon(shape), h("span", {}, text()));
  byId("link").className = `link ${known.link}`;
  const locked = currentKey() === null;
  patch(byId("lock"), icon(locked ? "lock" : "unlock"), h("span", {}, locked ? "Read-only" : "Forget key"));
  byId("lock").title = locked ? "Enter an operations key to force or reset breakers" : "Forget the key: the page is read-only again";
}

function show(focus) {
  const [wanted, place] = location.hash.slice(1).split("/");
  if (!views[wanted] && wanted !== "") return; // a place within the view
  view = wanted || "overview";
  for (const name of Object.keys(views)) byId(`view-${name}`).hidden = name !== view;
  for (const a of document.querySelectorAll(".views a")) {
    if (a.hash.slice(1) === view) a.setAttribute("aria-current", "page");
    else a.removeAttribute("aria-current");
  }
  const title = byId(`title-${view}`);
  document.title = `${title.textContent} · Weft console`;
  draw();
  const at = place && byId(`group-${decodeURIComponent(place)}`);
  if (at) {
    at.focus({ preventScroll: true });
    at.scrollIntoView();
  } else if (focus) {
    title.focus({ preventScroll: true });
    scrollTo(0, 0);
  }
}

function announce(t) {
  byId("announce").textContent = `${t.breaker} is ${state(t.to)[0].toLowerCase()}${t.cause ? ": " + t.cause : ""}`;
}

// --- the theme ---------------------------------------------------------------

const themes = ["system", "light", "dark"];
const theme = () => document.documentElement.dataset.theme ?? "system";

function setTheme(name) {
  if (name === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = name;
  try { localStorage.setItem("weft.theme", name); } catch { /* it lasts as long as the page then */ }
  byId("theme-name").textContent = name;
  forget();
  for (const chart of document.querySelectorAll(".chart")) chart.replaceChildren();
  draw();
}

// --- orders ------------------------------------------------------------------

let pending = null; // {path, body} of the dialog that is open

function askKey() {
  byId("key-input").value = "";
  byId("key-wrong").textContent = "";
  byId("key-dialog").showModal();
}

const texts = {
  force_open: ["Force open", "No call is made of it, and earlier copies are shown, until the time is up. Then it is closed.", "Force open"],
  force_closed: ["Force closed", "Every call is let through, whatever becomes of it, until the time is up.", "Force closed"],
  reset: ["Reset", "It is closed now, with all its counts at zero. If its upstream still fails, it opens again.", "Reset"],
  start: ["Serve from cache only", "No call is made of its sources until the time is up: earlier copies are shown, and what there is no copy of is missing.", "Serve from cache only"],
  end: ["Ask sources again", "Calls are made again from now on.", "Ask again"],
};

function askOrder(what, subject, path, body) {
  const [title, text, label] = texts[what];
  pending = { path, body };
  byId("order-title").textContent = `${title}: ${subject}`;
  byId("order-text").textContent = text;
  byId("order-submit").textContent = label;
  byId("order-wrong").textContent = "";
  byId("order-expiry").hidden = what === "reset" || what === "end";
  byId("order-form").reset();
  byId("order-dialog").showModal();
}

async function giveOrder() {
  const body = { ...pending.body, reason: byId("order-reason").value.trim() };
  if (!byId("order-expiry").hidden) body.expires = byId("order-expires").value;
  try {
    await order(pending.path, body);
    byId("order-dialog").close();
    refresh();
  } catch (e) {
    byId("order-wrong").textContent = e.status === 401 ? "The key is not known. Forget it and enter another." : e.message;
  }
}

const doings = {
  theme: () => setTheme(themes[(themes.indexOf(theme()) + 1) % themes.length]),
  lock: () => {
    if (currentKey() === null) askKey();
    else { setKey(null); draw(); }
  },
  unlock: () => askKey(),
  probes: () => { toggleProbes(); draw(); },
  cancel: (el) => el.closest("dialog").close(),
  breaker: (el) => askOrder(el.dataset.order, el.dataset.name, `breakers/${encodeURIComponent(el.dataset.name)}`, { action: el.dataset.order }),
  "cache-only": (el) => {
    const { order: action, tenant, upstream } = el.dataset;
    askOrder(action, upstream ?? tenantName(tenant), "cache-only", { action, ...(tenant ? { tenant } : { upstream }) });
  },
};

document.addEventListener("click", (e) => {
  const el = e.target.closest("button[data-do]");
  if (el) doings[el.dataset.do]?.(el);
});

document.addEventListener("submit", (e) => {
  e.preventDefault();
  switch (e.target.id) {
    case "key-form":
      setKey(byId("key-input").value.trim());
      byId("key-dialog").close();
      draw();
      break;
    case "order-form":
      giveOrder();
      break;
    case "explain-form":
      ask(draw).catch(() => { setKey(null); draw(); });
      break;
  }
});

document.querySelector(".skip").addEventListener("click", (e) => {
  e.preventDefault();
  byId("main").focus();
});

addEventListener("hashchange", () => show(true));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => setTheme(theme()));
byId("theme-name").textContent = theme();
show(false);
begin(draw, announce);
setInterval(draw, 1000); // times that go on
