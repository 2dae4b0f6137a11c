// The lines of an order, and the places that get their pieces.

import { plural, short } from "../dates.js";
import { h } from "../dom.js";
import { sentence } from "../words.js";
import { figure, tableOf } from "./parts.js";

const FEW = 25;

/** @param {any} line what of it has been taken in and not sent back */
export function receivedOf(line) {
  return line.accepted - line.returned;
}

/** @param {any} order @returns {HTMLElement} */
export function linesOf(order) {
  const columns = [
    { head: "Line" },
    { head: "Ordered", number: true },
    { head: "Allocated", number: true },
    { head: "On its way", number: true },
    { head: "Delivered, not counted", number: true },
    { head: "Received", number: true },
    { head: "Outstanding", number: true },
    { head: "Promised" },
  ];
  const rows = order.lines.map((/** @type {any} */ line) => ({
    cells: [
      [
        h("span", { class: "quiet" }, line.sku),
        h(
          "span",
          { class: "fine line-note" },
          [line.description, sentence(line.counts_as)].filter(Boolean).join(", "),
        ),
      ],
      figure(line.quantity),
      figure(line.allocated),
      figure(line.under_way),
      figure(line.delivered),
      figure(receivedOf(line)),
      figure(line.outstanding),
      promiseOf(line),
    ],
  }));
  return h(
    "section",
    { class: "panel" },
    h("h2", null, "Lines", h("span", { class: "count-mark num" }, rows.length)),
    tableOf("Lines", columns, rows),
  );
}

/** @param {any} line */
function promiseOf(line) {
  const more = [
    line.overdue > 0 && `${figure(line.overdue)} overdue`,
    line.short > 0 && `${figure(line.short)} will not come`,
    line.over > 0 && `${figure(line.over)} too many`,
  ].filter(Boolean);
  return [
    h("span", null, short(line.promised_on) || "–"),
    line.substituted > 0 && h("span", { class: "fine line-note" }, `${figure(line.substituted)} substituted`),
    more.length > 0 && h("span", { class: "fine is-late line-note" }, more.join(", ")),
  ];
}

/**
 * @typedef {{place: string, school: string|null, site: string|null,
 *   lines: Map<string, any>, outstanding: number}} Place
 */

/** The order's allocations by place. @param {any} order @returns {Place[]} */
export function placesOf(order) {
  /** @type {Map<string, Place>} */
  const places = new Map();
  for (const line of order.lines) {
    for (const one of line.allocations) {
      const key = one.school === null ? `site ${one.site}` : `school ${one.school}`;
      const place = places.get(key) ??
        { place: one.school ?? one.site, school: one.school, site: one.site, lines: new Map(), outstanding: 0 };
      place.lines.set(line.sku, one);
      place.outstanding += one.outstanding;
      places.set(key, place);
    }
  }
  return [...places.values()];
}

/**
 * @param {any} order @param {boolean} all whether every place is shown
 * @param {() => void} showAll @returns {HTMLElement}
 */
export function allocationsOf(order, all, showAll) {
  const places = placesOf(order);
  const some = all ? places : places.slice(0, FEW);
  const columns = [
    { head: "School" },
    { head: "Line" },
    { head: "Allocated", number: true },
    { head: "Received", number: true },
    { head: "Outstanding", number: true },
  ];
  const rows = some.flatMap((place) =>
    [...place.lines].map(([sku, one]) => ({
      cells: [
        nameOf(place),
        sku,
        figure(one.quantity),
        [figure(one.there), one.over > 0 && h("span", { class: "fine" }, ` ${one.over} too many`)],
        figure(one.outstanding),
      ],
    })),
  );
  return h(
    "section",
    { class: "panel" },
    h("h2", null, "Allocations", h("span", { class: "count-mark num" }, places.length)),
    rows.length ? tableOf("Allocations", columns, rows) : h(
      "p",
      { class: "fine" },
      "On no school yet. Re-allocate gives pieces to schools.",
    ),
    some.length < places.length && h(
      "button",
      { type: "button", class: "button", onclick: showAll },
      `Show all ${plural(places.length, "place")}`,
    ),
  );
}

/** @param {Place} place */
function nameOf(place) {
  if (place.school === null) return [place.place, h("span", { class: "tag" }, "Site")];
  return h("a", { href: `/schools/${encodeURIComponent(place.school)}` }, place.school);
}
