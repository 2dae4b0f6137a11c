// One line of an order that is drawn up, with the schools that get its pieces.

import { h } from "../dom.js";
import { fieldOf } from "../forms.js";
import { Rows } from "../rows.js";
import { figure } from "./parts.js";

/** @type {[string, string][]} */
const COUNTS_AS = [
  ["student_device", "Student device"],
  ["teacher_device", "Teacher device"],
  ["accessory", "Accessory"],
];

/**
 * @param {string} list of the schools' codes @param {any} [line] as it is so far
 * @param {string} [none] what naming no school means, where that is more than nothing
 */
export function draftLine(list, line, none) {
  const shares = new Rows({
    noun: "School",
    add: "Add a school",
    kind: "share",
    make: (given) => shareOf(list, given),
    changed: () => sum(),
  });
  const said = h("p", { class: "fine num" });
  const node = h(
    "div",
    { class: "draft-line-fields" },
    h("div", { class: "form-grid" }, ...fieldsOf(line)),
    h("h3", null, "Schools that get them"),
    shares.node,
    said,
  );
  const sum = () => {
    const all = shares.rows.reduce((pieces, row) => pieces + row.pieces(), 0);
    const ordered = Number(valueIn(node, "quantity"));
    if (none && !shares.rows.length) said.textContent = none;
    else said.textContent = all || ordered ? `${figure(all)} of ${figure(ordered)} allocated.` : "";
  };
  const schools = (line?.allocations ?? []).filter((/** @type {any} */ one) => one.school !== null);
  for (const one of schools) shares.add(one);
  node.addEventListener("input", sum);
  sum();
  const read = (/** @type {string} */ pointer) => ({
    ...readLine(node, pointer),
    allocations: shares.rows.map((row, at) => row.read(`${pointer}/allocations/${at}`)),
  });
  return { node, read };
}

/** @param {any} [line] */
function fieldsOf(line) {
  const cents = line?.unit_price_cents;
  return [
    fieldOf({ name: "sku", label: "SKU", required: true, value: line?.sku }),
    fieldOf({ name: "description", label: "Description", value: line?.description }),
    fieldOf({ name: "quantity", label: "Pieces", type: "number", min: 1, required: true, value: line?.quantity }),
    fieldOf({
      name: "unit_price",
      label: "Price of one",
      type: "number",
      min: 0,
      step: "0.01",
      value: typeof cents === "number" ? (cents / 100).toFixed(2) : "",
    }),
    fieldOf({ name: "counts_as", label: "Counts as", options: COUNTS_AS, value: line?.counts_as }),
    fieldOf({ name: "promised_on", label: "Promised for", type: "date", value: line?.promised_on }),
  ];
}

/** @param {string} list @param {any} [share] */
function shareOf(list, share) {
  const node = h(
    "div",
    { class: "row-fields" },
    fieldOf({ name: "school", label: "School", list, required: true, value: share?.school }),
    fieldOf({ name: "share", label: "Pieces", type: "number", min: 0, required: true, value: share?.quantity }),
  );
  const pieces = () => Number(valueIn(node, "share"));
  const read = (/** @type {string} */ pointer) => {
    point(node, "school", `${pointer}/school`);
    point(node, "share", `${pointer}/quantity`);
    return { school: valueIn(node, "school"), quantity: pieces() };
  };
  return { node, read, pieces };
}

/** @param {HTMLElement} node @param {string} pointer */
function readLine(node, pointer) {
  for (const name of ["sku", "description", "quantity", "counts_as", "promised_on"]) {
    point(node, name, `${pointer}/${name}`);
  }
  point(node, "unit_price", `${pointer}/unit_price_cents`);
  const [description, price, day] = ["description", "unit_price", "promised_on"].map((name) => valueIn(node, name));
  return {
    sku: valueIn(node, "sku"),
    quantity: Number(valueIn(node, "quantity")),
    counts_as: valueIn(node, "counts_as"),
    ...(description && { description }),
    ...(price && { unit_price_cents: Math.round(Number(price) * 100) }),
    ...(day && { promised_on: day }),
  };
}

/** @param {HTMLElement} node @param {string} name */
function inputIn(node, name) {
  return /** @type {HTMLInputElement} */ (node.querySelector(`[name="${name}"]`));
}

/** @param {HTMLElement} node @param {string} name */
function valueIn(node, name) {
  return inputIn(node, name).value.trim();
}

/** @param {HTMLElement} node @param {string} name @param {string} pointer what refusals call it now */
function point(node, name, pointer) {
  inputIn(node, name).dataset.pointer = pointer;
}
