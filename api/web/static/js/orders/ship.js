// Saying that something is on its way: a shipment, with what is in it where that is known.

import { make } from "../api.js";
import { attempt } from "../dialogs.js";
import { h } from "../dom.js";
import { fieldOf, formOf, valuesOf } from "../forms.js";
import { toast } from "../toasts.js";
import { tableOf } from "./parts.js";
import { Count, linesIn } from "./pieces.js";
import { placeField, placeIn, sitesOf } from "./places.js";

/** @param {any} order @returns {Promise<boolean>} */
export async function ship(order) {
  const sites = await sitesOf(order);
  return attempt(
    `Add a shipment to ${order.number}`,
    (close, finish) => sheetOf(order, sites, close, finish),
    "wide",
  );
}

/** @param {any} order @param {string[]} sites @param {() => void} cancel @param {() => void} finish */
function sheetOf(order, sites, cancel, finish) {
  const counts = order.lines.map(
    (/** @type {any} */ { sku, outstanding }) =>
      new Count({ sku, for: "the shipment", of: outstanding }),
  );
  const act = async (/** @type {HTMLFormElement} */ form) => {
    const { carrier, tracking_number, place, expected_on: expected } = valuesOf(form);
    const lines = linesIn(counts, "/lines", "quantity");
    await make(`/v1/orders/${order.id}/shipments`, {
      carrier,
      tracking_number,
      ...placeIn(place, sites),
      ...(expected && { expected_on: expected }),
      ...(lines.length && { lines }),
    });
    toast(`${tracking_number} is on its way to ${place}.`);
    finish();
  };
  const rows = counts.map((/** @type {Count} */ one) => ({
    cells: [one.what.sku, one.node],
  }));
  return formOf({
    body: [
      h(
        "div",
        { class: "form-grid" },
        fieldOf({ name: "carrier", label: "Carrier", required: true }),
        fieldOf({ name: "tracking_number", label: "Tracking number", required: true }),
        placeField(order, sites),
        fieldOf({ name: "expected_on", label: "Expected on", type: "date" }),
      ),
      h("h3", null, "What is in it"),
      h("p", { class: "fine" }, "Left empty, it moves dates and no counts. The same number again says anew what is in it."),
      tableOf("What is in it", [{ head: "Line" }, { head: "Pieces" }], rows),
    ],
    submit: "Add the shipment",
    cancel,
    act,
  });
}
