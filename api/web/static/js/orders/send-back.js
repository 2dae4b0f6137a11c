// Sending pieces back to the seller: to be replaced, or off the order.

import { make } from "../api.js";
import { plural } from "../dates.js";
import { attempt } from "../dialogs.js";
import { h, show } from "../dom.js";
import { checkOf, fieldOf, formOf, valuesOf } from "../forms.js";
import { toast } from "../toasts.js";
import { tableOf } from "./parts.js";
import { Count, linesIn, today } from "./pieces.js";
import { placeBody, stockedPlaces } from "./places.js";

/** @param {any} order @returns {Promise<boolean>} */
export function sendBack(order) {
  return attempt(
    `Send back from ${order.number}`,
    (close, finish) => sheetOf(order, close, finish),
    "wide",
  );
}

/** @param {any} order @param {() => void} cancel @param {() => void} finish */
function sheetOf(order, cancel, finish) {
  const places = stockedPlaces(order);
  const table = h("div", null);
  const notice = h("div", { role: "status" });
  let place = places[0];
  let counts = countsAt(place);
  const draw = () => show(table, tableFor(place, counts));
  draw();
  const act = async (/** @type {HTMLFormElement} */ form) => {
    show(notice);
    const { returned_on, reason, replacement } = valuesOf(form);
    const lines = linesIn(counts, "/lines", "quantity");
    if (!lines.length) {
      show(notice, h("p", { class: "notice" }, "Say of at least one line how many go back."));
      return;
    }
    await make("/v1/returns", {
      order: order.id,
      ...placeBody(place),
      returned_on,
      reason,
      replacement: Boolean(replacement),
      lines,
    });
    const pieces = counts.reduce((sum, one) => sum + one.pieces, 0);
    toast(`${order.number}: ${plural(pieces, "piece")} sent back from ${place.place}.`);
    finish();
  };
  return formOf({
    body: [
      h("div", { class: "form-grid" }, ...fieldsFor(places)),
      table,
      ...whyFields(),
      notice,
    ],
    submit: "Send back",
    cancel,
    oninput: ({ target }) => {
      if (!(target instanceof HTMLSelectElement)) return;
      place = places[Number(target.value)];
      counts = countsAt(place);
      draw();
    },
    act,
  });
}

function whyFields() {
  return [
    fieldOf({ name: "reason", label: "Why do they go back?", type: "area", rows: 2, required: true }),
    checkOf({
      name: "replacement",
      label: "They are to be replaced",
      checked: true,
      help: "As many are expected again. Without, they are off the order.",
    }),
  ];
}

/** @param {import("./lines.js").Place[]} places */
function fieldsFor(places) {
  return [
    fieldOf({
      name: "place",
      label: "From",
      options: places.map((one, at) => [String(at), one.place]),
      pointer: "/school /site",
    }),
    fieldOf({ name: "returned_on", label: "Sent back on", type: "date", value: today(), required: true }),
  ];
}

/** @param {import("./lines.js").Place} place @returns {Count[]} */
function countsAt(place) {
  return [...place.lines].filter(([, one]) => one.there > 0).map(
    ([sku, { there }]) => new Count({ sku, for: place.place, of: there }),
  );
}

/** @param {import("./lines.js").Place} place @param {Count[]} counts */
function tableFor(place, counts) {
  return tableOf(
    `Pieces at ${place.place}`,
    [{ head: "Line" }, { head: "Pieces" }],
    counts.map((one) => ({ cells: [one.what.sku, one.node] })),
  );
}
