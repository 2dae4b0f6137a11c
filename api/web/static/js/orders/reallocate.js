// Moving pieces between schools: what would change is shown before anything does.

import { send } from "../api.js";
import { openDialog } from "../dialogs.js";
import { h, show, uid } from "../dom.js";
import { problemBox } from "../problems.js";
import { toast } from "../toasts.js";
import { placesOf } from "./lines.js";
import { figure, tableOf } from "./parts.js";

/** @param {any} order @returns {Promise<boolean>} */
export function reallocate(order) {
  return new Promise((resolve) => {
    let done = false;
    const dialog = openDialog(
      `Re-allocate ${order.number}`,
      (close) =>
        formOf(order, close, () => {
          done = true;
          close();
        }),
      { wide: true, onclose: () => resolve(done) },
    );
    dialog.classList.add("broad");
  });
}

/** @param {any} order @param {() => void} cancel @param {() => void} finish */
function formOf(order, cancel, finish) {
  const schools = placesOf(order).flatMap((place) => place.school ?? []);
  const list = uid("schools");
  const moves = h("div", { class: "moves" });
  const preview = h("div", { "aria-live": "polite" });
  const button = h("button", { type: "submit", class: "button primary" }, "Preview");
  /** @type {unknown[]|null} */
  let agreed = null;
  const changed = () => {
    agreed = null;
    show(preview);
    button.textContent = "Preview";
  };
  const add = () => {
    const row = moveOf(order, list, () => {
      row.remove();
      changed();
    });
    moves.append(row);
    changed();
    return row;
  };
  add();
  const submit = async (/** @type {Event} */ event) => {
    event.preventDefault();
    button.setAttribute("disabled", "");
    try {
      const path = `/v1/orders/${order.id}/reallocate`;
      if (agreed) {
        await send(path, { moves: agreed });
        toast(`${order.number}: re-allocated.`);
        finish();
        return;
      }
      const wanted = readMoves(moves);
      const answer = await send(path, { moves: wanted, dry_run: true });
      show(preview, previewOf(answer));
      agreed = wanted;
      button.textContent = "Confirm";
    } catch (error) {
      changed();
      show(preview, problemBox(error));
    } finally {
      button.removeAttribute("disabled");
    }
  };
  const another = () => add().querySelector("select")?.focus();
  return h(
    "form",
    { class: "form", onsubmit: submit, oninput: changed },
    h("datalist", { id: list }, schools.map((code) => h("option", { value: code }))),
    h("p", { class: "fine" }, "Empty “from”: out of what no school has. Empty “to”: back to that."),
    moves,
    h("p", null, h("button", { type: "button", class: "button small", onclick: another }, "Add a move")),
    preview,
    h(
      "div",
      { class: "form-end" },
      h("button", { type: "button", class: "button", onclick: cancel }, "Cancel"),
      button,
    ),
  );
}

/** @param {any} order @param {string} list @param {() => void} remove */
function moveOf(order, list, remove) {
  const skus = order.lines.map((/** @type {any} */ line) => h("option", null, line.sku));
  return h(
    "div",
    { class: "move", role: "group", "aria-label": "Move" },
    labelled("Line", "select", { name: "sku", required: true }, skus),
    labelled("From", "input", { name: "from_school", list, autocomplete: "off" }),
    labelled("To", "input", { name: "to_school", list, autocomplete: "off" }),
    labelled("Pieces", "input", { name: "quantity", type: "number", min: 1, required: true }),
    h("button", { type: "button", class: "button small", onclick: remove }, "Remove"),
  );
}

/**
 * @param {string} label @param {string} tag @param {Record<string, unknown>} attributes
 * @param {import("../dom.js").Child} [children]
 */
function labelled(label, tag, attributes, children) {
  const id = uid("move");
  return h(
    "div",
    { class: "field" },
    h("label", { for: id }, label),
    h(tag, { id, ...attributes }, children),
  );
}

/** @param {HTMLElement} moves */
function readMoves(moves) {
  return [...moves.querySelectorAll(".move")].map((row) => {
    const value = (/** @type {string} */ name) =>
      /** @type {HTMLInputElement} */ (row.querySelector(`[name="${name}"]`)).value.trim();
    return {
      sku: value("sku"),
      from_school: value("from_school") || null,
      to_school: value("to_school") || null,
      quantity: Number(value("quantity")),
    };
  });
}

/** @param {any} answer of the dry run */
function previewOf(answer) {
  const columns = [
    { head: "School" },
    { head: "Change", number: true },
    { head: "Allocated", number: true },
    { head: "Outstanding", number: true },
    { head: "On no order", number: true },
  ];
  const step = (/** @type {any} */ before, /** @type {any} */ after) =>
    before === after ? figure(after) : `${figure(before)} → ${figure(after)}`;
  const rows = answer.schools.map((/** @type {any} */ one) => ({
    cells: [
      one.school,
      h("b", null, one.change > 0 ? `+${figure(one.change)}` : figure(one.change).replace("-", "−")),
      step(one.before.allocated, one.after.allocated),
      step(one.before.outstanding, one.after.outstanding),
      step(one.before.gap, one.after.gap),
    ],
  }));
  const left = Object.entries(answer.unallocated).filter(([, count]) => Number(count) > 0).map(
    ([sku, count]) => `${figure(Number(count))} of ${sku}`,
  );
  return [
    h("h3", null, "What would change"),
    rows.length ? tableOf("What would change", columns, rows) : h("p", null, "Nothing changes."),
    left.length > 0 && h("p", { class: "fine" }, `For no school yet: ${left.join(", ")}.`),
  ];
}
