// Drawing up an order: who sells, what, and which schools get how many.

import { Problem, call, make, send } from "../api.js";
import { h } from "../dom.js";
import { checkOf, fieldOf, formOf, valuesOf } from "../forms.js";
import { Rows } from "../rows.js";
import { go } from "../router.js";
import { toast } from "../toasts.js";
import { draftLine } from "./draft-line.js";

/**
 * @typedef {{vendors: [string, string][], networks: [string, string][], schools: string[],
 *   order?: any, etag?: string|null}} Ground
 *   what can be chosen; an order and its tag where a draft is edited
 */

/** @param {Ground} ground @returns {HTMLElement} */
export function draftForm(ground) {
  const { order } = ground;
  const list = "draft-schools";
  const lines = new Rows({
    noun: "Line",
    add: "Add a line",
    kind: "draft-line",
    make: (given) => draftLine(list, given),
  });
  for (const line of order?.lines ?? [null]) lines.add(line);
  return formOf({
    body: [
      h("datalist", { id: list }, ground.schools.map((code) => h("option", { value: code }))),
      h("div", { class: "form-grid" }, ...headFields(ground)),
      h("h2", null, "Lines"),
      lines.node,
      !order && checkOf({
        name: "place",
        label: "Place it at once",
        help: "From the network's threshold on, another person approves it first: then it stays a draft.",
      }),
    ],
    submit: order ? "Save" : "Draw up",
    act: async (form) => {
      const values = valuesOf(form);
      const body = lines.rows.map((row, at) => row.read(`/lines/${at}`));
      if (order) await change(ground, values, body);
      else await drawUp(values, body);
    },
  });
}

/** @param {Ground} ground */
function headFields({ vendors, networks, order }) {
  const chosen = order ? [] : [
    fieldOf({ name: "vendor", label: "Vendor", required: true, options: vendors }),
    fieldOf({
      name: "network",
      label: "Network",
      options: [["", "That of its schools"], ...networks],
      help: "To be named where no line has a school yet.",
    }),
  ];
  return [
    ...chosen,
    fieldOf({ name: "number", label: "Number", required: true, value: order?.number, help: "As the vendor has it." }),
    fieldOf({
      name: "receiving",
      label: "Pieces count",
      options: [["", "As the network says"], ["on_count", "Once they are counted"], ["on_delivery", "Once they are delivered"]],
      value: order?.receiving_from === "order" ? order.receiving : "",
    }),
    fieldOf({
      name: "over_tolerance_percent",
      label: "Tolerance, %",
      help: "So many more than allocated are let in.",
      type: "number",
      min: 0,
      max: 100,
      value: order?.over_tolerance_percent ?? 0,
      required: true,
    }),
  ];
}

/** @param {Record<string, string>} values */
function headIn({ number, receiving, over_tolerance_percent: tolerance }) {
  return { number, receiving: receiving || null, over_tolerance_percent: Number(tolerance) };
}

/** @param {Record<string, string>} values @param {unknown[]} lines */
async function drawUp(values, lines) {
  const { vendor, network, place } = values;
  const body = { vendor, ...headIn(values), ...(network && { network }), lines };
  const order = await make("/v1/orders", body);
  if (place) await placed(order);
  else toast(`${order.number}: drawn up.`);
  await go(`/orders/${order.id}`);
}

/** It is drawn up whatever becomes of placing it. @param {any} order */
async function placed(order) {
  try {
    await send(`/v1/orders/${order.id}/place`);
    toast(`${order.number}: placed.`);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    toast(`${order.number} is drawn up and not placed. ${error.message}`, { bad: true });
  }
}

/** @param {Ground} ground @param {Record<string, string>} values @param {unknown[]} lines */
async function change({ order, etag }, values, lines) {
  await call("PATCH", `/v1/orders/${order.id}`, { body: { ...headIn(values), lines }, etag });
  toast(`${values.number}: saved.`);
  await go(`/orders/${order.id}`);
}
