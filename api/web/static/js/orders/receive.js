// Receiving in bulk: schools down, lines across, a count in each cell, one call for all of them.

import { make } from "../api.js";
import { plural } from "../dates.js";
import { attempt } from "../dialogs.js";
import { h, show } from "../dom.js";
import { fieldOf, formOf, valuesOf } from "../forms.js";
import { whoami } from "../session.js";
import { toast } from "../toasts.js";
import { placesOf } from "./lines.js";
import { tableOf } from "./parts.js";
import { Count, linesIn, today } from "./pieces.js";
import { anotherPlace, placeBody, placeIn, sitesOf } from "./places.js";

// What one call takes.
const MOST = 1000;

/** @typedef {{place: import("./lines.js").Place, counts: Map<string, Count>, said: HTMLElement}} Row */

/** @param {any} order @returns {Promise<boolean>} whether anything was received */
export async function receive(order) {
  const done = { any: false };
  const sites = whoami()?.schools ? [] : await sitesOf(order);
  const all = await attempt(
    `Receive ${order.number}`,
    (close, finish) => sheetOf(order, sites, done, close, finish),
    "broad",
  );
  return all || done.any;
}

/**
 * @param {any} order @param {string[]} sites @param {{any: boolean}} done @param {() => void} cancel
 * @param {() => void} finish
 */
function sheetOf(order, sites, done, cancel, finish) {
  const rows = placesOf(order).map(rowOf);
  const table = h("div", null);
  const draw = () => show(table, tableFor(order, rows));
  draw();
  const notice = h("div", { role: "status" });
  const override = h("div", null);
  const total = h("p", { class: "fine", role: "status" }, "Nothing counted yet.");
  const count = () => {
    const all = rows.reduce((sum, row) => sum + countedIn(row), 0);
    total.textContent = all ? `${plural(all, "piece")} counted.` : "Nothing counted yet.";
  };
  const fill = () => {
    for (const row of rows) {
      for (const [sku, one] of row.counts) one.fill(row.place.lines.get(sku).outstanding);
    }
    count();
  };
  const act = async (/** @type {HTMLFormElement} */ form) => {
    show(notice);
    for (const row of rows) for (const one of row.counts.values()) one.forget();
    const chosen = rows.filter((row) => countedIn(row) > 0);
    if (!chosen.length) {
      show(notice, h("p", { class: "notice" }, "Count at least one piece."));
      return;
    }
    const refused = await post(order, chosen, valuesOf(form), done);
    count();
    if (!refused.length) finish();
    else {
      show(notice, h("p", { class: "notice" }, `${plural(refused.length, "school")} not received: see above.`));
      if (!override.firstChild) show(override, overrideField());
    }
  };
  return formOf({
    body: [
      h("div", { class: "form-row" }, ...receiptFields(), fillButton(fill)),
      table,
      anotherPlace("Another school or site", (code) => addRow(order, rows, code, sites, draw)),
      override,
      notice,
      total,
    ],
    submit: "Receive",
    cancel,
    oninput: count,
    act,
  });
}

/** @param {() => void} onclick */
function fillButton(onclick) {
  return h("button", { type: "button", class: "button", onclick }, "Fill in all outstanding");
}

/** When it came, and a note. @returns {HTMLElement[]} */
export function receiptFields() {
  return [
    fieldOf({
      name: "received_on",
      label: "Came on",
      type: "date",
      value: today(),
      required: true,
      pointer: "/received_on /receipts/0/received_on",
    }),
    fieldOf({ name: "note", label: "Note", pointer: "/note /receipts/0/note" }),
  ];
}

/** @returns {HTMLElement} for what would be refused otherwise */
export function overrideField() {
  return fieldOf({
    name: "override_reason",
    label: "Receive them all the same, because",
    help: "Left empty, what was refused is tried again as it is.",
    pointer: "/override_reason /receipts/0/override_reason",
  });
}

/**
 * @param {any} order @param {Row[]} rows @param {string} code @param {string[]} sites
 * @param {() => void} draw
 */
function addRow(order, rows, code, sites, draw) {
  if (!code || rows.some((row) => row.place.place === code)) return undefined;
  const row = rowOf(unplanned(order, code, sites));
  rows.push(row);
  draw();
  return row.counts.values().next().value?.input;
}

/**
 * A place for which nothing was planned.
 * @param {any} order @param {string} code @param {string[]} sites @returns {import("./lines.js").Place}
 */
function unplanned(order, code, sites) {
  const { site = null, school = null } = placeIn(code, sites);
  const lines = new Map(order.lines.map((/** @type {any} */ { sku }) => [sku, { outstanding: 0 }]));
  return { place: code, site, school, lines, outstanding: 0 };
}

/** @param {any} order @param {Row[]} rows */
function tableFor(order, rows) {
  if (!rows.length) return h("p", { class: "fine" }, "It is planned for no place yet. Add the one that it came to.");
  const skus = order.lines.map((/** @type {any} */ line) => line.sku);
  return tableOf(
    "Counts by school and line",
    [{ head: "School" }, ...skus.map((/** @type {string} */ head) => ({ head }))],
    rows.map((row) => ({
      cells: [
        [row.place.place, row.said],
        ...skus.map((/** @type {string} */ sku) =>
          row.counts.get(sku)?.node ?? h("span", { class: "fine" }, "–"),
        ),
      ],
    })),
  );
}

/** @param {import("./lines.js").Place} place @returns {Row} */
function rowOf(place) {
  const counts = new Map();
  for (const [sku, { outstanding }] of place.lines) {
    counts.set(sku, new Count({ sku, for: place.place, of: outstanding, rejects: true }));
  }
  return { place, counts, said: h("span", { class: "fine is-late line-note" }) };
}

/** @param {Row} row */
function countedIn(row) {
  return [...row.counts.values()].reduce((sum, one) => sum + one.pieces, 0);
}

/**
 * Every school is received or refused by itself; what was received is emptied, so that sending
 * again sends the refused ones only.
 * @param {any} order @param {Row[]} chosen @param {Record<string, string>} values
 * @param {{any: boolean}} done @returns {Promise<Row[]>} the refused
 */
async function post(order, chosen, values, done) {
  /** @type {Row[]} */
  const refused = [];
  let received = 0;
  for (let from = 0; from < chosen.length; from += MOST) {
    const rows = chosen.slice(from, from + MOST);
    const receipts = rows.map((row, at) => receiptOf(order, row, values, `/receipts/${at}`));
    const answer = await make("/v1/receipts/bulk", { receipts });
    received += answer.received;
    done.any ||= answer.received > 0;
    for (const item of answer.items) {
      const row = rows[item.index];
      row.said.textContent = item.detail ?? "";
      if (item.code) refused.push(row);
      else for (const one of row.counts.values()) one.clear();
    }
  }
  if (received) toast(`${order.number}: received at ${plural(received, "school")}.`);
  return refused;
}

/** @param {any} order @param {Row} row @param {Record<string, string>} values @param {string} pointer */
function receiptOf(order, row, { received_on: on, note, override_reason: override }, pointer) {
  return {
    order: order.id,
    ...placeBody(row.place),
    received_on: on,
    ...(note && { note }),
    ...(override && { override_reason: override }),
    lines: linesIn([...row.counts.values()], `${pointer}/lines`, "accepted"),
  };
}
