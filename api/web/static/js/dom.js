// DOM building without markup strings: what a user typed can only ever become text.

const SVG = "http://www.w3.org/2000/svg";

/**
 * @typedef {Node|string|number|null|undefined|false|Child[]} Child
 * @typedef {Record<string, unknown>} Attributes `class`, `on…` listeners, `dataset`, properties
 *   under `prop`, anything else as an attribute; null, undefined and false leave it out.
 */

/** @param {Element} element @param {Attributes} attributes */
function decorate(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on") && typeof value === "function") {
      element.addEventListener(name.slice(2), /** @type {EventListener} */ (value));
    } else if (name === "prop") {
      Object.assign(element, value);
    } else if (name === "dataset") {
      for (const [key, data] of Object.entries(/** @type {object} */ (value))) {
        if (data !== null && data !== undefined) element.dataset[key] = String(data);
      }
    } else {
      element.setAttribute(name, value === true ? "" : String(value));
    }
  }
}

/** @param {Element} element @param {Child[]} children */
function fill(element, children) {
  for (const child of children) {
    if (Array.isArray(child)) fill(element, child);
    else if (child !== null && child !== undefined && child !== false) {
      element.append(child instanceof Node ? child : String(child));
    }
  }
}

/**
 * An HTML element.
 * @param {string} tag @param {Attributes|null} [attributes] @param {...Child} children
 * @returns {HTMLElement}
 */
export function h(tag, attributes, ...children) {
  const element = document.createElement(tag);
  if (attributes) decorate(element, attributes);
  fill(element, children);
  return element;
}

/**
 * An SVG element.
 * @param {string} tag @param {Attributes|null} [attributes] @param {...Child} children
 * @returns {SVGElement}
 */
export function s(tag, attributes, ...children) {
  const element = document.createElementNS(SVG, tag);
  if (attributes) decorate(element, attributes);
  fill(element, children);
  return element;
}

/**
 * Replace what an element holds.
 * @param {Element} element @param {...Child} children
 */
export function show(element, ...children) {
  element.replaceChildren();
  fill(element, children);
}

/** Text for screen readers only. @param {string} text */
export function hidden(text) {
  return h("span", { class: "sr" }, text);
}

let last = 0;

/** An id that is unique on the page. @param {string} prefix */
export function uid(prefix) {
  last += 1;
  return `${prefix}-${last}`;
}
