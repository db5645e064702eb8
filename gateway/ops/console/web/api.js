// Asking the ops listener, by addresses relative to the page's own.

const root = new URL("../", location.href.split("#")[0]);
const patience = 10_000; // ms

let key = null;
try { key = sessionStorage.getItem("weft.key"); } catch { /* storage may be forbidden */ }

/** The key for orders, or null. */
export const currentKey = () => key;

export function setKey(value) {
  key = value;
  try {
    if (value === null) sessionStorage.removeItem("weft.key");
    else sessionStorage.setItem("weft.key", value);
  } catch { /* it lives as long as the page then */ }
}

export const address = (path) => new URL(path, root);

/** Reads; throws for anything but a 200. */
export async function read(path) {
  const answer = await fetch(address(path), { signal: AbortSignal.timeout(patience), headers: { Accept: "application/json" } });
  if (!answer.ok && answer.status !== 503) throw new Error(`${path}: ${answer.status}`);
  return answer.json();
}

/** Orders something; throws what the listener has against it. */
export async function order(path, body) {
  const answer = await fetch(address(path), {
    method: "POST",
    signal: AbortSignal.timeout(patience),
    headers: { "Content-Type": "application/json", Authorization: `Bearer ${key}` },
    body: JSON.stringify(body),
  });
  const said = await answer.json().catch(() => ({}));
  if (answer.ok) return said;
  const wrong = new Error(said.error ? said.error + (said.field ? ` (${said.field})` : "") : `It was refused with ${answer.status}`);
  wrong.status = answer.status;
  throw wrong;
}
