// Stating when lines will come, as somebody said it or as we reckon.

import { make } from "../api.js";
import { plural, short } from "../dates.js";
import { attempt } from "../dialogs.js";
import { h, show } from "../dom.js";
import { fieldOf, formOf, valuesOf } from "../forms.js";
import { toast } from "../toasts.js";
import { figure, tableOf } from "./parts.js";

/** @param {any} order @returns {Promise<boolean>} */
export function promise(order) {
  return attempt(
    `Promises of ${order.number}`,
    (close, finish) => sheetOf(order, close, finish),
    "wide",
  );
}

/** @param {any} order @param {() => void} cancel @param {() => void} finish */
function sheetOf(order, cancel, finish) {
  const dates = order.lines.map((/** @type {any} */ line) => dateOf(line));
  const notice = h("div", { role: "status" });
  const act = async (/** @type {HTMLFormElement} */ form) => {
    show(notice);
    const { source, stated_at: stated } = valuesOf(form);
    for (const { input } of dates) delete input.dataset.pointer;
    const changed = dates.filter(
      (/** @type {Dated} */ { line, input }) => (line.promised_on ?? "") !== input.value,
    );
    if (!changed.length) {
      show(notice, h("p", { class: "notice" }, "Change the date of at least one line."));
      return;
    }
    const lines = changed.map((/** @type {Dated} */ { line, input }, /** @type {number} */ at) => {
      input.dataset.pointer = `/lines/${at}/promised_on /lines/${at}/sku`;
      return { sku: line.sku, promised_on: input.value || null };
    });
    await make(`/v1/orders/${order.id}/promises`, {
      lines,
      source,
      // The field is in the reader's own zone, the service wants a moment.
      ...(stated && { stated_at: new Date(stated).toISOString() }),
    });
    toast(`${order.number}: ${plural(lines.length, "promise")} recorded.`);
    finish();
  };
  return formOf({
    body: [
      h("p", { class: "fine" }, "Schools that wait for these lines are forecast anew. An emptied date is withdrawn."),
      tableOf(
        "Promises by line",
        [{ head: "Line" }, { head: "Outstanding", number: true }, { head: "Now promised" }, { head: "Promised for" }],
        dates.map((/** @type {Dated} */ { line, input }) => ({
          cells: [
            line.sku,
            figure(line.outstanding),
            short(line.promised_on) || "–",
            h("div", { class: "counting" }, input),
          ],
        })),
      ),
      h("div", { class: "form-grid" }, ...saidFields()),
      notice,
    ],
    submit: "Record",
    cancel,
    act,
  });
}

function saidFields() {
  return [
    fieldOf({
      name: "source",
      label: "Who says so",
      options: [["call", "The vendor, to one of us"], ["estimate", "Our own estimate"]],
      help: "What vendors post says so by itself, as an event.",
    }),
    fieldOf({
      name: "stated_at",
      label: "Said at",
      type: "datetime-local",
      help: "Left empty: now. Of two, the one said last holds.",
    }),
  ];
}

/** @typedef {{line: any, input: HTMLInputElement}} Dated */

/** @param {any} line @returns {Dated} */
function dateOf(line) {
  const value = line.promised_on ?? "";
  const label = `${line.sku} promised for`;
  const input = /** @type {HTMLInputElement} */ (h("input", { type: "date", value, "aria-label": label }));
  return { line, input };
}
