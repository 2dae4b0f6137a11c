// Moving pieces from a site onward to schools, all of them or none.

import { make } from "../api.js";
import { plural } from "../dates.js";
import { attempt } from "../dialogs.js";
import { h, show, uid } from "../dom.js";
import { fieldOf, formOf, valuesOf } from "../forms.js";
import { toast } from "../toasts.js";
import { placesOf } from "./lines.js";
import { figure, tableOf } from "./parts.js";
import { Count, today } from "./pieces.js";
import { stockedPlaces, thereOf } from "./places.js";

/** @typedef {{school: string, counts: Count[]}} Row */

/** @param {any} order @returns {Promise<boolean>} */
export function transfer(order) {
  return attempt(
    `Send on from a site: ${order.number}`,
    (close, finish) => sheetOf(order, close, finish),
    "broad",
  );
}

/** @param {any} order @returns {import("./lines.js").Place[]} sites that have some of it */
export function stockedSites(order) {
  return stockedPlaces(order).filter((place) => place.school === null);
}

/** @param {any} order @param {() => void} cancel @param {() => void} finish */
function sheetOf(order, cancel, finish) {
  const sites = stockedSites(order);
  /** @type {Row[]} */
  const rows = placesOf(order).flatMap((place) => (place.school ? rowOf(order, place.school, place) : []));
  const table = h("div", null);
  const notice = h("div", { role: "status" });
  let site = sites[0];
  const draw = () => show(table, tableFor(order, site, rows));
  draw();
  const act = async (/** @type {HTMLFormElement} */ form) => {
    show(notice);
    const transfers = movesIn(rows);
    if (!transfers.length) {
      show(notice, h("p", { class: "notice" }, "Say for at least one school how many go there."));
      return;
    }
    const body = { order: order.id, site: site.place, moved_on: valuesOf(form).moved_on, transfers };
    await make("/v1/transfers", body);
    toast(`${order.number}: ${plural(transfers.length, "move")} from ${site.place}.`);
    finish();
  };
  return formOf({
    body: [
      h(
        "div",
        { class: "form-grid" },
        fieldOf({ name: "site", label: "From", options: sites.map((one) => [one.place, one.place]) }),
        fieldOf({ name: "moved_on", label: "Moved on", type: "date", value: today(), required: true }),
      ),
      table,
      anotherSchool(rows, order, draw),
      notice,
    ],
    submit: "Send on",
    cancel,
    oninput: ({ target }) => {
      if (!(target instanceof HTMLSelectElement)) return;
      site = sites.find((one) => one.place === target.value) ?? site;
      draw();
    },
    act,
  });
}

/** @param {any} order @param {import("./lines.js").Place} site @param {Row[]} rows */
function tableFor(order, site, rows) {
  const heads = order.lines.map((/** @type {any} */ { sku }) => ({
    head: `${sku}, ${figure(thereOf(site, sku))} at ${site.place}`,
  }));
  return tableOf(
    `Pieces from ${site.place} by school and line`,
    [{ head: "School" }, ...heads],
    rows.map((row) => ({ cells: [row.school, ...row.counts.map((one) => one.node)] })),
  );
}

/** @param {any} order @param {string} school @param {import("./lines.js").Place} [place] @returns {Row} */
function rowOf(order, school, place) {
  const counts = order.lines.map(
    (/** @type {any} */ { sku }) =>
      new Count({ sku, for: school, of: place ? (place.lines.get(sku)?.outstanding ?? 0) : undefined }),
  );
  return { school, counts };
}

/** Pieces planned for nobody may go to any school. */
function anotherSchool(/** @type {Row[]} */ rows, /** @type {any} */ order, /** @type {() => void} */ draw) {
  const id = uid("school");
  const input = /** @type {HTMLInputElement} */ (h("input", { id, autocomplete: "off" }));
  const add = () => {
    const school = input.value.trim().toUpperCase();
    if (!school || rows.some((row) => row.school === school)) return;
    rows.push(rowOf(order, school));
    input.value = "";
    draw();
    rows[rows.length - 1].counts[0]?.input.focus();
  };
  const onkeydown = (/** @type {KeyboardEvent} */ event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    add();
  };
  input.addEventListener("keydown", onkeydown);
  return h(
    "div",
    { class: "form-row" },
    h("div", { class: "field" }, h("label", { for: id }, "Another school"), input),
    h("button", { type: "button", class: "button", onclick: add }, "Add it"),
  );
}

/** @param {Row[]} rows */
function movesIn(rows) {
  const all = rows.flatMap((row) => row.counts.map((one) => ({ school: row.school, one })));
  for (const { one } of all) one.forget();
  return all.filter(({ one }) => one.pieces > 0).map(({ school, one }, at) => ({
    school,
    ...one.line(`/transfers/${at}`, "quantity"),
  }));
}
