// The shipments of an order: where each is, when it should come, what is in it.

import { plural, short } from "../dates.js";
import { h } from "../dom.js";
import { may } from "../session.js";
import { busyButton, figure, stateBadge, tableOf } from "./parts.js";
import { receiveShipment } from "./receive-shipment.js";

/**
 * @param {any} order @param {any[]} shipments @param {string|null} more where the rest is read
 * @param {{changed: () => Promise<void>, all: () => void, trouble: HTMLElement}} acts
 * @returns {HTMLElement}
 */
export function shipmentsOf(order, shipments, more, acts) {
  const columns = [
    { head: "Shipment" },
    { head: "Goes to" },
    { head: "Status" },
    { head: "Expected" },
    { head: "In it" },
    { head: "Counted" },
  ];
  return h(
    "section",
    { class: "panel" },
    h("h2", null, "Shipments", h("span", { class: "count-mark num" }, `${shipments.length}${more ? "+" : ""}`)),
    shipments.length
      ? tableOf("Shipments", columns, shipments.map((one) => ({ cells: cellsOf(order, one, acts) })))
      : h("p", { class: "fine" }, "None yet. They appear as the vendor tells of them, or are added here."),
    more && h("button", { type: "button", class: "button", onclick: acts.all }, "Show all shipments"),
  );
}

/** @param {any} order @param {any} one @param {{changed: () => Promise<void>, trouble: HTMLElement}} acts */
function cellsOf(order, one, acts) {
  const receive = async () => {
    if (await receiveShipment(order, one)) await acts.changed();
  };
  const open = ["placed", "on_hold", "closed"].includes(order.state);
  return [
    [h("span", { class: "quiet" }, one.tracking_number), h("span", { class: "fine line-note" }, one.carrier)],
    one.school ? h("span", { class: "goes-to" }, one.school) : [one.site, h("span", { class: "tag" }, "Site")],
    h(
      "span",
      null,
      stateBadge(one.status_at ? one.status : "not_scanned_yet"),
      one.review && h("span", { class: "fine is-late line-note" }, one.review),
    ),
    h("span", { class: "nowrap" }, short(one.delivered_at?.slice(0, 10) ?? one.expected_on) || "–"),
    contentsOf(one),
    one.received || !may("orders:receive") || !open
      ? (one.received ? "Yes" : "No")
      : busyButton("Receive", receive, acts.trouble, {
          about: one.tracking_number,
          key: `receive:${one.id}`,
        }),
  ];
}

/** @param {any} shipment */
function contentsOf({ lines }) {
  if (!lines) return h("span", { class: "fine" }, "Nobody has said");
  return h(
    "span",
    null,
    lines.map((/** @type {any} */ line) =>
      h(
        "span",
        { class: "line-note" },
        `${figure(line.quantity)} of ${line.sku}`,
        line.serial_numbers.length > 0 &&
          h("span", { class: "fine" }, `, ${plural(line.serial_numbers.length, "serial number")}`),
      ),
    ),
  );
}
