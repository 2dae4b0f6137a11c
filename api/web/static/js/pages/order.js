// One order: its lines, who gets what, what happened, and what can be done now.

import { Problem, call, isAbort } from "../api.js";
import { short } from "../dates.js";
import { h, show } from "../dom.js";
import { icon } from "../icons.js";
import { onChange, soon } from "../live.js";
import { actsOf } from "../orders/acts.js";
import { allocationsOf, linesOf } from "../orders/lines.js";
import { busyButton, stateBadge, whose } from "../orders/parts.js";
import { receiptsOf } from "../orders/receipts.js";
import { serialsOf } from "../orders/serials.js";
import { shipmentsOf } from "../orders/shipments.js";
import { timelineOf } from "../orders/timeline.js";
import { problemBox } from "../problems.js";
import { keepFocus } from "../school/buttons.js";
import { sentence } from "../words.js";

const QUIET = 1500;
const FEW = 25;
const MOST = 1000;

/** @typedef {{allocations: boolean, shipments: boolean, receipts: boolean}} Shown whether in full */

/** @param {import("../router.js").Context} context @returns {import("../router.js").View} */
export function open({ params, signal, rename }) {
  const node = h(
    "div",
    { class: "page order-page" },
    h("h1", null, "Order"),
    h("p", { role: "status" }, "Reading the order."),
  );
  const path = `/v1/orders/${encodeURIComponent(params.order)}`;
  const shown = { allocations: false, shipments: false, receipts: false };
  let reading = 0;
  const refresh = async () => {
    reading += 1;
    const mine = reading;
    try {
      const found = await readOrder(path, shown, signal);
      if (mine !== reading) return;
      rename(found.order.number);
      keepFocus(node, () => show(node, partsOf(found, shown, refresh)));
    } catch (error) {
      if (isAbort(error) || mine !== reading) return;
      const gone = error instanceof Problem && (error.status === 404 || error.status === 422);
      show(
        node,
        h("h1", null, gone ? "There is no such order" : "The order could not be read"),
        problemBox(error, gone ? {} : { retry: refresh }),
        h("p", null, h("a", { href: "/orders" }, "Go to the orders")),
      );
    }
  };
  onChange(soon(refresh, QUIET, signal), signal);
  void refresh();
  return { node };
}

/**
 * The order with what came of it.
 * @param {string} path @param {Shown} shown @param {AbortSignal} signal
 */
async function readOrder(path, shown, signal) {
  const order = (await call("GET", path, { signal })).data;
  const some = (/** @type {string} */ list, /** @type {boolean} */ all) =>
    call("GET", `${list}limit=${all ? MOST : FEW}`, { signal });
  const [shipments, receipts, serials] = await Promise.all([
    some(`/v1/shipments?order=${order.id}&sort=-updated_at&`, shown.shipments),
    some(`${path}/receipts?sort=-recorded_at&`, shown.receipts),
    call("GET", `${path}/serials`, { signal }),
  ]);
  return { order, shipments, receipts, serials: serials.data.items };
}

/**
 * @param {Awaited<ReturnType<typeof readOrder>>} found @param {Shown} shown
 * @param {() => Promise<void>} changed
 */
function partsOf({ order, shipments, receipts, serials }, shown, changed) {
  const trouble = h("div", null);
  const all = (/** @type {keyof Shown} */ part) => () => {
    shown[part] = true;
    return changed();
  };
  const acts = (/** @type {keyof Shown} */ part) => ({ changed, trouble, all: all(part) });
  return [
    headOf(order),
    h(
      "div",
      { class: "acts" },
      actsOf(order).map((act) =>
        busyButton(
          act.label,
          async () => {
            if (await act.run()) await changed();
          },
          trouble,
          { primary: act.primary, key: act.key },
        ),
      ),
    ),
    trouble,
    linesOf(order),
    h(
      "div",
      { class: "order-columns" },
      h(
        "div",
        { class: "order-main" },
        allocationsOf(order, shown.allocations, all("allocations")),
        shipmentsOf(order, shipments.data.items, shipments.next, acts("shipments")),
        receiptsOf(receipts.data.items, receipts.next, acts("receipts")),
        serialsOf(serials),
      ),
      timelineOf(order.timeline, { changed, trouble }),
    ),
  ];
}

/** @param {any} order */
function headOf(order) {
  const cents = order.total_cents;
  const cost = (cents / 100).toLocaleString("en", { minimumFractionDigits: 2 });
  return h(
    "header",
    { class: "order-head" },
    h(
      "p",
      { class: "crumbs" },
      h("a", { href: "/orders" }, icon("back"), "Orders"),
      h("span", { class: "code" }, order.vendor),
    ),
    h("div", { class: "school-title" }, h("h1", null, order.number), stateBadge(order.state)),
    order.reason && h("p", null, h("b", null, "Reason: "), order.reason),
    h(
      "dl",
      { class: "figures" },
      factOf("Vendor", order.vendor),
      factOf("Network", order.network),
      factOf("Cost", cents ? cost : "–"),
      factOf("Counts", sentence(order.receiving), `as the ${order.receiving_from} says`),
      factOf("Drawn up", short(order.created_at.slice(0, 10)), `by ${whose(order.requested_by)}`),
      order.placed_at && factOf("Placed", short(order.placed_at.slice(0, 10))),
      order.closed_at && factOf("Closed", short(order.closed_at.slice(0, 10))),
    ),
  );
}

/** @param {string} term @param {string} value @param {string} [more] */
function factOf(term, value, more) {
  return h(
    "div",
    null,
    h("dt", null, term),
    h(
      "dd",
      null,
      h("span", { class: "figure num" }, value),
      more && h("span", { class: "fine" }, more),
    ),
  );
}
