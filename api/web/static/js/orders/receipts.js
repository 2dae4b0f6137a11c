// What was counted of an order, and taking a count back.

import { moment, short } from "../dates.js";
import { h } from "../dom.js";
import { may } from "../session.js";
import { busyButton, figure, tableOf, whose } from "./parts.js";
import { takeBack } from "./reverse.js";

/**
 * @param {any[]} receipts the newest first @param {string|null} more where the rest is read
 * @param {{changed: () => Promise<void>, all: () => void, trouble: HTMLElement}} acts
 * @returns {HTMLElement}
 */
export function receiptsOf(receipts, more, acts) {
  const columns = [
    { head: "Counted at" },
    { head: "Came on" },
    { head: "Accepted" },
    { head: "Rejected" },
    { head: "By" },
    { head: "Reversal" },
  ];
  return h(
    "section",
    { class: "panel" },
    h("h2", null, "Receipts", h("span", { class: "count-mark num" }, `${receipts.length}${more ? "+" : ""}`)),
    receipts.length
      ? tableOf("Receipts", columns, receipts.map((one) => ({ cells: cellsOf(one, acts) })))
      : h("p", { class: "fine" }, "Nothing was counted yet."),
    more && h("button", { type: "button", class: "button", onclick: acts.all }, "Show all receipts"),
  );
}

/** @param {any} one @param {{changed: () => Promise<void>, trouble: HTMLElement}} acts */
function cellsOf(one, acts) {
  return [
    [
      one.school ?? one.site,
      one.school === null && h("span", { class: "tag" }, "Site"),
      one.note && h("span", { class: "fine line-note" }, one.note),
      one.override_reason && h("span", { class: "fine line-note" }, `All the same: ${one.override_reason}`),
    ],
    h("span", { class: "nowrap" }, short(one.received_on)),
    piecesOf(one.lines, "accepted"),
    piecesOf(one.lines, "rejected"),
    [whose(one.actor), h("span", { class: "fine line-note" }, moment(one.recorded_at))],
    takeBackOf(one, acts),
  ];
}

/** @param {any[]} lines @param {"accepted"|"rejected"} word */
function piecesOf(lines, word) {
  const some = lines.filter((line) => line[word] > 0);
  if (!some.length) return "–";
  return h(
    "span",
    null,
    some.map((line) =>
      h(
        "span",
        { class: "line-note" },
        `${figure(line[word])} of ${line.sku}`,
        word === "rejected" && line.reason && h("span", { class: "fine" }, `: ${line.reason}`),
      ),
    ),
  );
}

/** @param {any} one @param {{changed: () => Promise<void>, trouble: HTMLElement}} acts */
function takeBackOf(one, acts) {
  if (one.reverses_id) return h("span", { class: "fine" }, "Takes one back");
  if (one.reversed_by) return h("span", { class: "fine" }, "Taken back");
  if (!may("orders:receive")) return "–";
  const named = `the receipt at ${one.school ?? one.site} of ${short(one.received_on)}`;
  const run = async () => {
    const after = "A receipt of its own takes it back, line for line. Then count anew what is there.";
    if (await takeBack("receipts", one.id, named, after)) await acts.changed();
  };
  return busyButton("Take back", run, acts.trouble, {
    about: named,
    key: `reverse:${one.id}`,
  });
}
