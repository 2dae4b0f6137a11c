// Moving pieces between schools: what would change is shown before anything does.

import { send } from "../api.js";
import { attempt } from "../dialogs.js";
import { h, show, uid } from "../dom.js";
import { fieldOf, formOf } from "../forms.js";
import { Rows } from "../rows.js";
import { toast } from "../toasts.js";
import { placesOf } from "./lines.js";
import { figure, tableOf } from "./parts.js";

/** @param {any} order @returns {Promise<boolean>} */
export function reallocate(order) {
  return attempt(
    `Re-allocate ${order.number}`,
    (close, finish) => sheetOf(order, close, finish),
    "broad",
  );
}

/** @param {any} order @param {() => void} cancel @param {() => void} finish */
function sheetOf(order, cancel, finish) {
  const schools = placesOf(order).flatMap((place) => place.school ?? []);
  const list = uid("schools");
  const preview = h("div", { "aria-live": "polite" });
  /** @type {unknown[]|null} */
  let agreed = null;
  const changed = () => {
    agreed = null;
    show(preview);
    name("Preview");
  };
  const moves = new Rows({
    noun: "Move",
    add: "Add a move",
    kind: "move",
    make: () => moveOf(order, list),
    changed,
  });
  moves.add();
  const path = `/v1/orders/${order.id}/reallocate`;
  const act = async () => {
    if (agreed) {
      await send(path, { moves: agreed });
      toast(`${order.number}: re-allocated.`);
      finish();
      return;
    }
    const wanted = moves.rows.map((row, at) => row.read(`/moves/${at}`));
    show(preview, previewOf(await send(path, { moves: wanted, dry_run: true })));
    agreed = wanted;
    name("Confirm");
  };
  const form = formOf({
    body: [
      h("datalist", { id: list }, schools.map((code) => h("option", { value: code }))),
      h("p", { class: "fine" }, "Empty “from”: out of what no school has. Empty “to”: back to that."),
      moves.node,
      preview,
    ],
    submit: "Preview",
    cancel,
    oninput: changed,
    act,
  });
  const name = (/** @type {string} */ word) => {
    const button = form.querySelector("[type=submit]");
    if (button) button.textContent = word;
  };
  return form;
}

/** @param {any} order @param {string} list */
function moveOf(order, list) {
  const skus = order.lines.map((/** @type {any} */ { sku }) => [sku, sku]);
  const node = h(
    "div",
    { class: "row-fields" },
    fieldOf({ name: "sku", label: "Line", required: true, options: skus }),
    fieldOf({ name: "from_school", label: "From", list }),
    fieldOf({ name: "to_school", label: "To", list }),
    fieldOf({ name: "quantity", label: "Pieces", type: "number", min: 1, required: true }),
  );
  return { node, read: (/** @type {string} */ pointer) => readMove(node, pointer) };
}

/** @param {HTMLElement} node @param {string} pointer */
function readMove(node, pointer) {
  const value = (/** @type {string} */ name) => {
    const input = /** @type {HTMLInputElement} */ (node.querySelector(`[name="${name}"]`));
    input.dataset.pointer = `${pointer}/${name}`;
    return input.value.trim();
  };
  return {
    sku: value("sku"),
    from_school: value("from_school") || null,
    to_school: value("to_school") || null,
    quantity: Number(value("quantity")),
  };
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
