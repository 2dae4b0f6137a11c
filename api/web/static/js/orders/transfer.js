// Moving pieces from a site onward to schools, all of them or none.

import { make } from "../api.js";
import { plural } from "../dates.js";
import { attempt } from "../dialogs.js";
import { h, show } from "../dom.js";
import { fieldOf, formOf, valuesOf } from "../forms.js";
import { toast } from "../toasts.js";
import { listed } from "../words.js";
import { placesOf } from "./lines.js";
import { figure, tableOf } from "./parts.js";
import { Count, today } from "./pieces.js";
import { anotherPlace, stockedPlaces, thereOf } from "./places.js";

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
  const draw = () => show(table, rows.length > 0 && tableFor(site, rows));
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
      // Pieces planned for nobody may go to any school.
      anotherPlace("Another school", (school) => {
        if (!school || rows.some((row) => row.school === school)) return undefined;
        const row = rowOf(order, school);
        rows.push(row);
        draw();
        return row.counts.find((one) => thereOf(site, one.what.sku) > 0)?.input;
      }),
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

/** @param {import("./lines.js").Place} site @param {Row[]} rows */
function tableFor(site, rows) {
  const some = rows[0].counts.map((one) => one.what.sku).filter((sku) => thereOf(site, sku) > 0);
  const stock = some.map((sku) => `${figure(thereOf(site, sku))} of ${sku}`);
  return [
    h("p", { class: "fine" }, `At ${site.place}: ${listed(stock)}.`),
    tableOf(
      `Pieces from ${site.place} by school and line`,
      [{ head: "School" }, ...some.map((head) => ({ head }))],
      rows.map((row) => ({
        cells: [row.school, ...row.counts.filter((one) => some.includes(one.what.sku)).map((one) => one.node)],
      })),
    ),
  ];
}

/** @param {any} order @param {string} school @param {import("./lines.js").Place} [place] @returns {Row} */
function rowOf(order, school, place) {
  const counts = order.lines.map(
    (/** @type {any} */ { sku }) =>
      new Count({ sku, for: school, of: place ? (place.lines.get(sku)?.outstanding ?? 0) : undefined }),
  );
  return { school, counts };
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
