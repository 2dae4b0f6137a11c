// Matching an event to an order that was not suggested: found by a part of its number.

import { read } from "../api.js";
import { h, show, uid } from "../dom.js";
import { matchEvent } from "./event-acts.js";
import { busyButton, stateBadge } from "./parts.js";

const MOST = 5;

/** @param {any} event @param {HTMLElement} trouble @param {() => void} done @returns {HTMLElement} */
export function anotherOrder(event, trouble, done) {
  const id = uid("order");
  const input = /** @type {HTMLInputElement} */ (h("input", { id, type: "search", autocomplete: "off" }));
  const found = h("div", { role: "status" });
  const find = async () => {
    const q = input.value.trim();
    if (!q) return;
    const { items } = await read(`/v1/orders?limit=${MOST}&q=${encodeURIComponent(q)}`);
    show(found, items.length ? listOf(items, event, trouble, done) : h("p", { class: "fine" }, "No order has that in its number."));
  };
  const button = busyButton("Find", find, trouble);
  input.addEventListener("keydown", (pressed) => {
    if (pressed.key !== "Enter") return;
    pressed.preventDefault();
    button.click();
  });
  return h(
    "div",
    { class: "form" },
    h(
      "div",
      { class: "form-row" },
      h("div", { class: "field" }, h("label", { for: id }, "Another order"), input),
      button,
    ),
    found,
  );
}

/** @param {any[]} orders @param {any} event @param {HTMLElement} trouble @param {() => void} done */
function listOf(orders, event, trouble, done) {
  return h(
    "ul",
    { class: "suggestions" },
    orders.map((order) =>
      h(
        "li",
        null,
        h("p", { class: "meta" }, h("b", null, order.number), h("span", null, order.vendor), stateBadge(order.state)),
        busyButton(
          "Match",
          () => matchEvent(event, { order_id: order.id, order_number: order.number }).then(done),
          trouble,
          { about: `order ${order.number}` },
        ),
      ),
    ),
  );
}
