// Counting one shipment: as it was announced, or what was really in the box.

import { Problem, make } from "../api.js";
import { attempt } from "../dialogs.js";
import { h, show } from "../dom.js";
import { formOf, valuesOf } from "../forms.js";
import { toast } from "../toasts.js";
import { figure, tableOf } from "./parts.js";
import { Count, linesIn } from "./pieces.js";
import { overrideField, receiptFields } from "./receive.js";

// What a reason lets in all the same.
const OVERRIDABLE = ["over-received", "counted-already", "serial-scanned"];

/** @param {any} order @param {any} shipment @returns {Promise<boolean>} */
export function receiveShipment(order, shipment) {
  return attempt(
    `Receive ${shipment.tracking_number}`,
    (close, finish) => sheetOf(order, shipment, close, finish),
    "wide",
  );
}

/** @param {any} order @param {any} shipment @param {() => void} cancel @param {() => void} finish */
function sheetOf(order, shipment, cancel, finish) {
  const place = shipment.school ?? shipment.site;
  const announced = new Map(
    (shipment.lines ?? []).map((/** @type {any} */ line) => [line.sku, line.quantity]),
  );
  const counts = order.lines.map(
    (/** @type {any} */ { sku }) =>
      new Count({ sku, for: place, rejects: true, value: announced.get(sku) }),
  );
  const override = h("div", null);
  const act = async (/** @type {HTMLFormElement} */ form) => {
    const { received_on: on, note, override_reason: reason } = valuesOf(form);
    const lines = linesIn(counts, "/lines", "accepted");
    try {
      await make(`/v1/shipments/${shipment.id}/receipts`, {
        received_on: on,
        ...(note && { note }),
        ...(reason && { override_reason: reason }),
        ...(lines.length && { lines }),
      });
    } catch (error) {
      const lets = error instanceof Problem && OVERRIDABLE.includes(error.code);
      if (lets && !override.firstChild) show(override, overrideField());
      throw error;
    }
    toast(`${shipment.tracking_number}: received at ${place}.`);
    finish();
  };
  const rows = counts.map((/** @type {Count} */ one) => ({
    cells: [one.what.sku, figure(announced.get(one.what.sku)), one.node],
  }));
  return formOf({
    body: [
      h("p", { class: "fine" }, `${shipment.carrier} to ${place}, of order ${order.number}.`),
      h("div", { class: "form-row" }, ...receiptFields()),
      tableOf("Counts by line", [{ head: "Line" }, { head: "Announced", number: true }, { head: "Accepted" }], rows),
      override,
    ],
    submit: "Receive",
    cancel,
    act,
  });
}
