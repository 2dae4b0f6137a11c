// Lines for an order that stands already: added, or in place of what the vendor has no more.

import { call, make } from "../api.js";
import { attempt } from "../dialogs.js";
import { h } from "../dom.js";
import { fieldOf, formOf, valuesOf } from "../forms.js";
import { toast } from "../toasts.js";
import { draftLine } from "./draft-line.js";
import { placesOf } from "./lines.js";
import { figure } from "./parts.js";

const LIST = "amend-schools";

/** Whether lines can be added to it; those of a draft are edited. @param {any} order */
export function isAmendable(order) {
  const state = order.held_from ?? order.state;
  return ["approved", "placed"].includes(state);
}

/** What of an order neither came nor is in a shipment. @param {any} order @returns {any[]} its lines */
export function substitutable(order) {
  return order.lines.filter((/** @type {any} */ line) => leftOf(line) > 0);
}

/** @param {any} line */
function leftOf(line) {
  return line.outstanding - line.under_way - line.delivered;
}

/** @param {any} order @returns {Promise<boolean>} */
export async function addLine(order) {
  const { data, etag } = await call("GET", `/v1/orders/${order.id}`);
  return attempt(
    `Add a line to ${order.number}`,
    (close, finish) => sheetOf(data, etag, [], close, finish),
    "wide",
  );
}

/** @param {any} order @returns {Promise<boolean>} */
export async function substitute(order) {
  const { data, etag } = await call("GET", `/v1/orders/${order.id}`);
  return attempt(
    `Substitute a line of ${order.number}`,
    (close, finish) => sheetOf(data, etag, substitutable(data), close, finish),
    "wide",
  );
}

/**
 * @param {any} order @param {string|null} etag @param {any[]} olds the lines it may stand in for;
 *   none where it only is added
 * @param {() => void} cancel @param {() => void} finish
 */
function sheetOf(order, etag, olds, cancel, finish) {
  let old = olds[0];
  const line = draftLine(
    LIST,
    old && startOf(old),
    old && "None named: those that wait for the line get it, each in proportion.",
  );
  const schools = placesOf(order).flatMap((place) => place.school ?? []);
  const act = async (/** @type {HTMLFormElement} */ form) => {
    const { reason } = valuesOf(form);
    const { allocations, ...rest } = line.read("/lines/0");
    const one = {
      ...rest,
      ...(old && { substitutes: old.sku }),
      ...(allocations.length && { allocations }),
    };
    await make(`/v1/orders/${order.id}/lines`, { lines: [one], ...(reason && { reason }) }, etag);
    toast(`${order.number}: ${figure(rest.quantity)} of ${rest.sku}${old ? ` in place of ${old.sku}` : " added"}.`);
    finish();
  };
  return formOf({
    body: [
      h("datalist", { id: LIST }, schools.map((code) => h("option", { value: code }))),
      old && oldOf(olds),
      line.node,
      fieldOf({ name: "reason", label: old ? "Why is it substituted?" : "Why, if that matters", type: "area", required: Boolean(old), rows: 2 }),
    ],
    submit: old ? "Substitute" : "Add the line",
    cancel,
    oninput: ({ target }) => {
      if (!(target instanceof HTMLSelectElement) || target.name !== "substitutes") return;
      old = olds.find((one) => one.sku === target.value) ?? old;
      fill(line.node, startOf(old));
    },
    act,
  });
}

/** @param {any[]} olds */
function oldOf(olds) {
  return fieldOf({
    name: "substitutes",
    label: "In place of",
    options: olds.map((one) => [one.sku, `${one.sku}, ${figure(leftOf(one))} outstanding`]),
    help: "Piece by piece; what has come or is in a shipment stays.",
    pointer: "/lines/0/substitutes",
  });
}

/** As a rule the vendor sends as many, of the same kind and at the same price. @param {any} old */
function startOf(old) {
  return { quantity: leftOf(old), counts_as: old.counts_as, unit_price_cents: old.unit_price_cents };
}

/** What depends on the other line, when it is another. @param {HTMLElement} node @param {any} start */
function fill(node, start) {
  const price = start.unit_price_cents;
  const values = {
    quantity: String(start.quantity),
    counts_as: start.counts_as,
    unit_price: typeof price === "number" ? (price / 100).toFixed(2) : "",
  };
  for (const [name, value] of Object.entries(values)) {
    const input = /** @type {HTMLInputElement} */ (node.querySelector(`[name="${name}"]`));
    input.value = value;
  }
  // The sum below counts what is ordered.
  node.dispatchEvent(new Event("input"));
}
