// What is known, and keeping it up to date: changes of breakers are pushed, the
// rest is asked for every few seconds, and everything is where nothing is pushed.

import { address, read } from "./api.js";

/** What is known. `null`: not yet. */
export const known = {
  breakers: null, events: null, activity: null, cache: null, tenants: null, fleet: null, cacheOnly: null,
  link: "connecting", // live, polling, lost
  heard: null, // when anything was last answered
};

const sources = {
  breakers: ["breakers", (b) => b.breakers],
  activity: ["activity", (a) => a],
  tenants: ["tenants", (t) => t.tenants],
  fleet: ["fleet", (f) => f],
  cache: ["cache", (c) => c],
  cacheOnly: ["cache-only", (c) => c.orders],
};

const pushedPace = 3000; // ms between two rounds while changes are pushed
const polledPace = 1500; // and while they are not
const maxEvents = 500;

let changed = () => {};
let told = () => {};
let stream = null;
let timer = 0;
let round = null;
let pushes = 0; // changes that were pushed so far

/** Begins. onChange is called whenever something is known anew, onEvent with each change of a breaker as it comes. */
export function begin(onChange, onEvent) {
  changed = onChange;
  told = onEvent;
  document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
  loadEvents().finally(listen);
  refresh();
}

async function loadEvents() {
  try {
    known.events = (await read("breakers/events")).events;
    changed();
  } catch { /* the next connection of the stream tries again */ }
}

function listen() {
  stream = new EventSource(address("breakers/events"));
  stream.addEventListener("open", () => {
    known.link = "live";
    loadEvents();
    refresh();
  });
  stream.addEventListener("transition", (e) => {
    const t = JSON.parse(e.data);
    if (known.events?.some((o) => o.id === t.id && o.at === t.at)) return;
    known.events = [...(known.events ?? []), t].slice(-maxEvents);
    pushes++;
    const b = known.breakers?.find((o) => o.name === t.breaker);
    if (b) Object.assign(b, { state: t.to, since: t.at, reason: t.to === "closed" ? "" : t.cause }); // the figures follow
    told(t);
    changed();
    refresh();
  });
  stream.addEventListener("gap", loadEvents);
  stream.addEventListener("error", () => {
    if (known.link === "live") known.link = "polling";
    if (stream.readyState === EventSource.CLOSED) setTimeout(listen, polledPace); // refused: the browser does not try again
    changed();
  });
}

/** Asks for everything now; those who ask meanwhile share one more round. */
export function refresh() {
  clearTimeout(timer);
  if (round) {
    round.again = true;
    return;
  }
  round = { again: false };
  ask().finally(() => {
    const again = round.again;
    round = null;
    if (again) refresh();
    else timer = setTimeout(refresh, known.link === "live" ? pushedPace : polledPace);
  });
}

async function ask() {
  if (document.hidden) return;
  const results = await Promise.allSettled(Object.entries(sources).map(async ([name, [path, pick]]) => {
    const before = pushes;
    const value = pick(await read(path));
    if (name === "breakers" && pushes !== before) return; // older than what was pushed; another round follows
    known[name] = value;
    changed(); // one that is slow keeps no other back
  }));
  if (results.some((r) => r.status === "fulfilled")) {
    known.heard = new Date();
    if (known.link !== "live") {
      known.link = "polling";
      await loadEvents();
    }
  } else {
    known.link = "lost";
  }
  changed();
}
