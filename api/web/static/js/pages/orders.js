// Every order the reader may see: what was ordered, what came, what is still to come.

import { isAbort, readAll } from "../api.js";
import { plural, short } from "../dates.js";
import { h, show } from "../dom.js";
import { onChange, soon } from "../live.js";
import { decides } from "../orders/acts.js";
import { Listing } from "../orders/listing.js";
import { chooser, figure, stateBadge, tableOf } from "../orders/parts.js";
import { problemBox } from "../problems.js";
import { sentence } from "../words.js";

const STATES = ["draft", "approved", "placed", "on_hold", "closed", "cancelled"];
const QUIET = 3000;

/** @param {import("../router.js").Context} context @returns {import("../router.js").View} */
export function open({ query, signal }) {
  const listing = new Listing({
    page: "/orders",
    source: "/v1/orders",
    filters: {
      q: query.get("q") ?? "",
      state: query.get("state") ?? "",
      vendor: query.get("vendor") ?? "",
      school: query.get("school") ?? "",
    },
    signal,
    noun: "order",
    draw: tableOfOrders,
    nothing: "No orders yet. Draw one up, import a file, or let a script POST them to /v1/orders.",
  });
  onChange(soon(() => listing.read(), QUIET, signal), signal);
  void listing.read();
  return {
    node: h(
      "div",
      { class: "page" },
      h("h1", null, "Orders"),
      h("p", { class: "lead" }, "Pieces count once they are counted at the school."),
      controlsOf(listing, signal),
      listing.nodes,
    ),
  };
}

/** @param {Listing} listing @param {AbortSignal} signal */
function controlsOf(listing, signal) {
  const vendor = h("div", { class: "control" });
  void offerVendors(vendor, listing, signal);
  return h(
    "div",
    { class: "controls" },
    typed("order-search", "Search", "Part of a number", "q", listing),
    chooser(
      "order-state",
      "State",
      [["", "Any"], ...STATES.map((one) => /** @type {[string, string]} */ ([one, sentence(one)]))],
      listing.filters.state,
      (value) => listing.narrow("state", value),
    ),
    vendor,
    typed("order-school", "School", "Code", "school", listing),
    decides() && [
      h("a", { class: "button primary", href: "/orders/new" }, "Draw up an order"),
      h("a", { class: "button", href: "/orders/import" }, "Import a file"),
    ],
  );
}

/** @param {HTMLElement} place @param {Listing} listing @param {AbortSignal} signal */
async function offerVendors(place, listing, signal) {
  try {
    const found = await readAll("/v1/vendors", signal);
    const names = found.filter((one) => one.kind === "seller").map(
      (one) => /** @type {[string, string]} */ ([one.slug, one.name]),
    );
    place.replaceWith(
      chooser("order-vendor", "Vendor", [["", "Any"], ...names], listing.filters.vendor, (value) =>
        listing.narrow("vendor", value)),
    );
  } catch (error) {
    if (!isAbort(error)) show(listing.trouble, problemBox(error));
  }
}

/**
 * @param {string} id @param {string} label @param {string} placeholder @param {string} name
 * @param {Listing} listing
 */
function typed(id, label, placeholder, name, listing) {
  const oninput = (/** @type {Event} */ event) => {
    const { value } = /** @type {HTMLInputElement} */ (event.target);
    listing.narrow(name, value.trim(), { typing: true });
  };
  const value = listing.filters[name];
  return h(
    "div",
    { class: "control" },
    h("label", { for: id }, label),
    h("input", { type: "search", id, value, placeholder, autocomplete: "off", oninput }),
  );
}

/** @param {any[]} orders */
function tableOfOrders(orders) {
  const columns = [
    { head: "Order" },
    { head: "Vendor" },
    { head: "State" },
    { head: "Ordered", number: true },
    { head: "Received", number: true },
    { head: "Outstanding", number: true },
    { head: "Promised" },
  ];
  return tableOf("Orders", columns, orders.map((order) => ({ cells: cellsOf(order) })));
}

/** @param {any} order */
function cellsOf(order) {
  const sum = (/** @type {string} */ name) =>
    order.lines.reduce((/** @type {number} */ all, /** @type {any} */ line) => all + line[name], 0);
  return [
    [
      h("a", { class: "quiet", href: `/orders/${order.id}`, dataset: { key: order.id } }, order.number),
      h("span", { class: "fine clip" }, `${order.network}, ${plural(order.lines.length, "line")}`),
    ],
    order.vendor,
    stateBadge(order.state),
    figure(sum("quantity")),
    figure(sum("accepted") - sum("returned")),
    figure(sum("outstanding")),
    promisedOf(order, sum("overdue")),
  ];
}

/** @param {any} order @param {number} overdue */
function promisedOf(order, overdue) {
  if (order.state === "closed" || order.state === "cancelled") return "–";
  const waiting = order.lines.filter((/** @type {any} */ line) => line.outstanding > 0);
  if (!waiting.length) return "–";
  const days = waiting.map((/** @type {any} */ line) => line.promised_on).filter(Boolean).sort();
  const last = short(days[days.length - 1]);
  if (overdue > 0) return h("span", { class: "is-late" }, `${last}, ${figure(overdue)} overdue`);
  return last || h("span", { class: "fine" }, "Nothing promised");
}
