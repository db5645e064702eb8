// Elements, and bringing what is on the page to what it should be without
// touching what stays the same: focus, scrolling and open details survive.

const SVG = "http://www.w3.org/2000/svg";

/** Makes an element. `css` sets style properties, which the page's policy allows where it forbids style attributes. */
export function h(tag, props, ...children) {
  const el = document.createElement(tag);
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "css") for (const [k, v] of Object.entries(value)) el.style.setProperty(k, v);
    else if (name === "key") el.dataset.key = value;
    else el.setAttribute(name, value === true ? "" : value);
  }
  el.append(...nodes(children));
  return el;
}

/** Flattens children; numbers become text, and nothing stays nothing. */
export function nodes(children) {
  return children.flat(Infinity).filter((c) => c !== null && c !== undefined && c !== false && c !== "")
    .map((c) => (c instanceof Node ? c : document.createTextNode(String(c))));
}

/** A shape beside a word that says the same. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("class", "icon");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", "icons.svg#" + name);
  svg.append(use);
  return svg;
}

const keyOf = (n) => (n.nodeType === Node.ELEMENT_NODE ? n.dataset.key : undefined);

/** Makes the children of parent what wanted is. Elements with a key are found again wherever they are. */
export function patch(parent, ...wanted) {
  const keyed = new Map();
  for (const child of parent.children) if (child.dataset.key) keyed.set(child.dataset.key, child);
  let at = parent.firstChild;
  for (const next of nodes(wanted)) {
    const key = keyOf(next);
    let have = key ? keyed.get(key) : at;
    if (!key && have && keyOf(have)) have = null;
    if (!have || have.nodeName !== next.nodeName) {
      // An option that leaves its list would leave the choice to the next one.
      parent.insertBefore(next.nodeName === "OPTION" ? next.cloneNode(true) : next, at);
      continue;
    }
    if (have === at) at = at.nextSibling;
    else parent.insertBefore(have, at);
    update(have, next);
  }
  while (at) {
    const gone = at;
    at = at.nextSibling;
    gone.remove();
  }
}

function update(have, next) {
  if (have.nodeType !== Node.ELEMENT_NODE) {
    if (have.data !== next.data) have.data = next.data;
    return;
  }
  if (have.hasAttribute("data-keep")) return;
  for (const { name } of [...have.attributes]) {
    if (name !== "style" && name !== "open" && !next.hasAttribute(name)) have.removeAttribute(name);
  }
  for (const { name, value } of next.attributes) {
    if (name !== "style" && have.getAttribute(name) !== value) have.setAttribute(name, value);
  }
  if (have.style && have.style.cssText !== next.style.cssText) have.style.cssText = next.style.cssText;
  patch(have, ...next.childNodes);
}
