// What was counted of an order, and taking a count back.

import { make } from "../api.js";
import { moment, short } from "../dates.js";
import { ask } from "../dialogs.js";
import { h } from "../dom.js";
import { may } from "../session.js";
import { toast } from "../toasts.js";
import { busyButton, figure, tableOf, whose } from "./parts.js";

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
    short(one.received_on),
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
  const run = async () => {
    if (await reverse(one)) await acts.changed();
  };
  return busyButton("Reverse", run, acts.trouble, {
    about: `receipt at ${one.school ?? one.site} of ${short(one.received_on)}`,
    key: `reverse:${one.id}`,
  });
}

/** @param {any} receipt @returns {Promise<boolean>} */
function reverse(receipt) {
  const place = receipt.school ?? receipt.site;
  return ask({
    title: `Reverse the receipt at ${place}?`,
    intro: h("p", null, "A receipt of its own takes it back, line for line. Then count anew what is there."),
    fields: [{ name: "note", label: "Note", type: "area" }],
    submit: "Reverse",
    danger: true,
    act: async ({ note }) => {
      await make(`/v1/receipts/${receipt.id}/reverse`, note ? { note } : {});
      toast(`The receipt at ${place} was taken back.`);
    },
  });
}
