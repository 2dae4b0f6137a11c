// What can be done to an order now. Each act answers whether something changed.

import { send } from "../api.js";
import { ask } from "../dialogs.js";
import { h } from "../dom.js";
import { go } from "../router.js";
import { may, whoami } from "../session.js";
import { toast } from "../toasts.js";
import { addLine, isAmendable, substitutable, substitute } from "./amend.js";
import { figure } from "./parts.js";
import { stockedPlaces } from "./places.js";
import { promise } from "./promise.js";
import { reallocate } from "./reallocate.js";
import { receive } from "./receive.js";
import { sendBack } from "./send-back.js";
import { ship } from "./ship.js";
import { stockedSites, transfer } from "./transfer.js";

/** @typedef {{key: string, label: string, primary?: boolean, run: () => Promise<boolean>}} Act */

const OPEN = ["draft", "approved", "placed", "on_hold"];
// Late boxes come for closed orders, too.
const RECEIVABLE = ["placed", "on_hold", "closed"];

/** What is offered in which states, the likeliest first. @param {any} order @returns {Act[]} */
export function actsOf(order) {
  const receives = may("orders:receive") && RECEIVABLE.includes(order.state);
  const acts = [
    ...(receives ? physicalActs(order) : []),
    ...(decides() ? decisions(order) : []),
  ];
  return acts.map((act, at) => ({ ...act, primary: at === 0 }));
}

/** An order is its network's: who is limited to schools decides nothing about it. */
export function decides() {
  return may("orders:write") && !whoami()?.schools;
}

/** @param {any} order @returns {Act[]} */
function physicalActs(order) {
  /** @type {(Act|false)[]} */
  const acts = [
    { key: "receive", label: "Receive", run: () => receive(order) },
    decides() && { key: "ship", label: "Add a shipment", run: () => ship(order) },
    decides() && stockedSites(order).length > 0 &&
      { key: "transfer", label: "Send on", run: () => transfer(order) },
    stockedPlaces(order).length > 0 &&
      { key: "return", label: "Send back", run: () => sendBack(order) },
  ];
  return acts.filter((act) => act !== false);
}

/** @param {any} order @returns {Act[]} */
function decisions(order) {
  const { state } = order;
  const came = order.lines.some((/** @type {any} */ line) => line.accepted > 0);
  const hold = () => withReason(order, "hold", "Hold", "held", "Why does it have to wait?");
  const cancel = () => withReason(order, "cancel", "Cancel order", "cancelled", "Why is it given up?");
  const release = () => decide(order, "hold", "released", { release: true });
  /** @type {[boolean, string, string, () => Promise<boolean>][]} */
  const acts = [
    [["draft", "approved"].includes(state), "place", "Place", () => decide(order, "place", "placed")],
    [state === "draft", "approve", "Approve", () => decide(order, "approve", "approved")],
    [state === "draft", "edit", "Edit", () => edit(order)],
    [state === "on_hold", "release", "Release", release],
    [OPEN.includes(state), "promise", "State a promise", () => promise(order)],
    [isAmendable(order), "add-line", "Add a line", () => addLine(order)],
    [isAmendable(order) && substitutable(order).length > 0, "substitute", "Substitute", () => substitute(order)],
    [OPEN.includes(state), "reallocate", "Re-allocate", () => reallocate(order)],
    [["draft", "approved", "placed"].includes(state), "hold", "Hold", hold],
    [state === "placed", "close", "Close", () => close(order)],
    [OPEN.includes(state) && !came, "cancel", "Cancel order", cancel],
  ];
  return acts.filter(([offered]) => offered).map(([, key, label, run]) => ({ key, label, run }));
}

/** @param {any} order */
async function edit(order) {
  await go(`/orders/${order.id}/edit`);
  return false;
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
