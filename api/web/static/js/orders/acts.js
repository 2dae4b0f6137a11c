// What can be done to an order now. Each act answers whether something changed.

import { send } from "../api.js";
import { ask } from "../dialogs.js";
import { h } from "../dom.js";
import { may } from "../session.js";
import { toast } from "../toasts.js";
import { figure } from "./parts.js";
import { reallocate } from "./reallocate.js";
import { receive } from "./receive.js";

/** @typedef {{key: string, label: string, primary?: boolean, run: () => Promise<boolean>}} Act */

/** @param {any} order @returns {Act[]} the likeliest first */
export function actsOf(order) {
  /** @type {Act[]} */
  const acts = [];
  const add = (
    /** @type {string} */ key,
    /** @type {string} */ label,
    /** @type {Act["run"]} */ run,
  ) => acts.push({ key, label, run, primary: acts.length === 0 });
  const state = order.state;
  const allocated = order.lines.some((/** @type {any} */ line) => line.allocations.length > 0);
  // Late boxes come for closed orders, too.
  if (may("orders:receive") && allocated && ["placed", "on_hold", "closed"].includes(state)) {
    add("receive", "Receive", () => receive(order));
  }
  if (!may("orders:write")) return acts;
  if (["draft", "approved"].includes(state)) {
    add("place", "Place", () => decide(order, "place", "placed"));
  }
  if (state === "draft") add("approve", "Approve", () => decide(order, "approve", "approved"));
  if (state === "on_hold") {
    add("release", "Release", () => decide(order, "hold", "released", { release: true }));
  }
  if (["draft", "approved", "placed", "on_hold"].includes(state)) {
    add("reallocate", "Re-allocate", () => reallocate(order));
  }
  if (["draft", "approved", "placed"].includes(state)) {
    add("hold", "Hold", () => withReason(order, "hold", "Hold", "held", "Why does it have to wait?"));
  }
  if (state === "placed") add("close", "Close", () => close(order));
  const came = order.lines.some((/** @type {any} */ line) => line.accepted > 0);
  if (["draft", "approved", "placed", "on_hold"].includes(state) && !came) {
    add("cancel", "Cancel order", () =>
      withReason(order, "cancel", "Cancel order", "cancelled", "Why is it given up?"));
  }
  return acts;
}

/** @param {any} order @param {string} verb @param {string} word @param {unknown} [body] */
async function decide(order, verb, word, body) {
  await send(`/v1/orders/${order.id}/${verb}`, body);
  toast(`${order.number}: ${word}.`);
  return true;
}

/**
 * @param {any} order @param {string} verb @param {string} submit @param {string} word
 * @param {string} label
 */
function withReason(order, verb, submit, word, label) {
  return ask({
    title: `${submit}: ${order.number}`,
    fields: [{ name: "reason", label, type: "area", required: true }],
    submit,
    danger: verb === "cancel",
    act: (values) => decide(order, verb, word, values),
  });
}

/** @param {any} order */
async function close(order) {
  const missing = order.lines.reduce(
    (/** @type {number} */ all, /** @type {any} */ line) => all + line.outstanding,
    0,
  );
  if (missing === 0) return decide(order, "close", "closed");
  return ask({
    title: `Close ${order.number} short?`,
    intro: h("p", null, `${figure(missing)} outstanding; nobody waits for them any more.`),
    fields: [{ name: "reason", label: "Why will they not come?", type: "area", required: true }],
    submit: "Close short",
    danger: true,
    act: (values) => decide(order, "close", "closed short", values),
  });
}
