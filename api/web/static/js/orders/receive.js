// Receiving in bulk: schools down, lines across, a count in each cell, one call for all of them.

import { call } from "../api.js";
import { localToday, parts, plural } from "../dates.js";
import { fieldOf, openDialog } from "../dialogs.js";
import { h, show, uid } from "../dom.js";
import { problemBox } from "../problems.js";
import { toast } from "../toasts.js";
import { placesOf } from "./lines.js";
import { figure, tableOf } from "./parts.js";

// What one call takes.
const MOST = 1000;

/** @typedef {{place: import("./lines.js").Place, inputs: Map<string, HTMLInputElement>, said: HTMLElement}} Row */

/** @param {any} order @returns {Promise<boolean>} whether anything was received */
export function receive(order) {
  return new Promise((resolve) => {
    const done = { any: false };
    const dialog = openDialog(
      `Receive ${order.number}`,
      (close) => formOf(order, done, close),
      { wide: true, onclose: () => resolve(done.any) },
    );
    dialog.classList.add("broad");
  });
}

/** @param {any} order @param {{any: boolean}} done @param {() => void} close */
function formOf(order, done, close) {
  const skus = order.lines.map((/** @type {any} */ line) => line.sku);
  const rows = placesOf(order).map(rowOf);
  const trouble = h("div", { role: "status" });
  const override = h("div", null);
  const total = h("p", { class: "fine", role: "status" }, "Nothing counted yet.");
  const count = () => {
    const all = rows.reduce((sum, row) => sum + countedIn(row), 0);
    total.textContent = all ? `${plural(all, "piece")} counted.` : "Nothing counted yet.";
  };
  const fill = () => {
    for (const row of rows) {
      for (const [sku, input] of row.inputs) {
        const { outstanding } = row.place.lines.get(sku);
        input.value = outstanding > 0 ? String(outstanding) : "";
      }
    }
    count();
  };
  const button = h("button", { type: "submit", class: "button primary" }, "Receive");
  const submit = async (/** @type {Event} */ event) => {
    event.preventDefault();
    const chosen = rows.filter((row) => countedIn(row) > 0);
    if (!chosen.length) {
      show(trouble, h("p", { class: "notice" }, "Count at least one piece."));
      return;
    }
    button.setAttribute("disabled", "");
    show(trouble);
    const data = new FormData(/** @type {HTMLFormElement} */ (event.target));
    try {
      const refused = await post(order, chosen, data, done);
      if (!refused.length) close();
      else {
        show(trouble, h("p", { class: "notice" }, `${plural(refused.length, "school")} not received: see below.`));
        show(override, overrideField());
      }
    } catch (error) {
      show(trouble, problemBox(error));
    }
    count();
    button.removeAttribute("disabled");
  };
  return h(
    "form",
    { class: "form", onsubmit: submit, oninput: count },
    h(
      "div",
      { class: "receive-head" },
      fieldOf({ name: "received_on", label: "Came on", type: "date", value: today(), max: today(), required: true }),
      fieldOf({ name: "note", label: "Note" }),
      h("button", { type: "button", class: "button", onclick: fill }, "Fill in all outstanding"),
    ),
    tableOf(
      "Counts by school and line",
      [{ head: "School" }, ...skus.map((/** @type {string} */ head) => ({ head }))],
      rows.map((row) => ({
        cells: [
          [row.place.place, row.said],
          ...skus.map((/** @type {string} */ sku) => cellOf(row, sku)),
        ],
      })),
    ),
    override,
    trouble,
    total,
    h(
      "div",
      { class: "form-end" },
      h("button", { type: "button", class: "button", onclick: close }, "Cancel"),
      button,
    ),
  );
}

/** @param {import("./lines.js").Place} place @returns {Row} */
function rowOf(place) {
  const inputs = new Map();
  for (const sku of place.lines.keys()) {
    const label = `${sku} for ${place.place}`;
    inputs.set(
      sku,
      h("input", { type: "number", min: 0, step: 1, inputmode: "numeric", "aria-label": label, "aria-describedby": uid("of") }),
    );
  }
  return { place, inputs, said: h("span", { class: "fine is-late line-note" }) };
}

/** @param {Row} row @param {string} sku */
function cellOf(row, sku) {
  const input = row.inputs.get(sku);
  if (!input) return h("span", { class: "fine" }, "–");
  const { outstanding } = row.place.lines.get(sku);
  const id = input.getAttribute("aria-describedby");
  return h(
    "span",
    { class: "counting" },
    input,
    h("span", { class: "fine num", id }, `of ${figure(outstanding)}`),
  );
}

/** @param {Row} row */
function countedIn(row) {
  return [...row.inputs.values()].reduce((sum, input) => sum + (Number(input.value) || 0), 0);
}

function overrideField() {
  return fieldOf({
    name: "override_reason",
    label: "Receive them all the same, because",
    help: "Left empty, the refused ones are tried again as they are.",
  });
}

/**
 * Every school is received or refused by itself; what was received is emptied, so that sending
 * again sends the refused ones only.
 * @param {any} order @param {Row[]} chosen @param {FormData} data @param {{any: boolean}} done
 * @returns {Promise<Row[]>} the refused
 */
async function post(order, chosen, data, done) {
  /** @type {Row[]} */
  const refused = [];
  let received = 0;
  for (let from = 0; from < chosen.length; from += MOST) {
    const rows = chosen.slice(from, from + MOST);
    const receipts = rows.map((row) => receiptOf(order, row, data));
    const answer = await sendOnce({ receipts });
    received += answer.received;
    done.any ||= answer.received > 0;
    for (const item of answer.items) {
      const row = rows[item.index];
      row.said.textContent = item.detail ?? "";
      if (item.code) refused.push(row);
      else for (const input of row.inputs.values()) input.value = "";
    }
  }
  if (received) toast(`${order.number}: received at ${plural(received, "school")}.`);
  return refused;
}

/** @type {{text: string, key: string}} */
let sent = { text: "", key: "" };

/** The same counts sent again after a lost answer are counted once. @param {unknown} body */
async function sendOnce(body) {
  const text = JSON.stringify(body);
  if (text !== sent.text) sent = { text, key: randomKey() };
  const { data } = await call("POST", "/v1/receipts/bulk", { body, once: sent.key });
  sent = { text: "", key: "" };
  return data;
}

/** `crypto.randomUUID` is missing where a page came without https. */
function randomKey() {
  return [...crypto.getRandomValues(new Uint32Array(4))].map((part) => part.toString(16)).join("-");
}

/** @param {any} order @param {Row} row @param {FormData} data */
function receiptOf(order, row, data) {
  const lines = [...row.inputs].map(([sku, input]) => ({ sku, accepted: Number(input.value) || 0 }));
  const text = (/** @type {string} */ name) => String(data.get(name) ?? "").trim();
  return {
    order: order.id,
    ...(row.place.school === null ? { site: row.place.site } : { school: row.place.school }),
    received_on: text("received_on"),
    ...(text("note") && { note: text("note") }),
    ...(text("override_reason") && { override_reason: text("override_reason") }),
    lines: lines.filter((line) => line.accepted > 0),
  };
}

/** The reader's own day, as date inputs want it. */
function today() {
  const { year, month, date } = parts(localToday());
  return `${year}-${String(month + 1).padStart(2, "0")}-${String(date).padStart(2, "0")}`;
}
