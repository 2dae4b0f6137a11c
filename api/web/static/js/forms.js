// Fields and forms that lose nothing: a refusal is shown beside the field that it is about.

import { Problem } from "./api.js";
import { h, show, uid } from "./dom.js";
import { problemBox } from "./problems.js";

/**
 * @typedef {import("./dom.js").Child} Child
 * @typedef {{name: string, label: string, type?: string, value?: string|number|null,
 *   help?: string, required?: boolean, options?: [string, string][], min?: string|number,
 *   max?: string|number, step?: string, list?: string, autocomplete?: string, pointer?: string,
 *   rows?: number}} Field
 *   `pointer` is what a refusal calls it, where that is not its name; several with spaces between
 */

// Refusals that name no pointer, and the field they are about.
const ABOUT = /** @type {Record<string, string>} */ ({
  "number-taken": "/number",
  "slug-taken": "/slug",
  "vendor-not-found": "/vendor",
  "network-not-found": "/network",
  "school-not-found": "/school",
  "site-not-found": "/site",
  "shipment-elsewhere": "/tracking_number",
  "over-received": "/override_reason",
  "line-taken": "/lines/0/sku",
  "beyond-outstanding": "/lines/0/quantity",
  "counted-already": "/override_reason",
  "serial-scanned": "/override_reason",
});

// Refusals that are about a part of what their pointer names.
const WITHIN = /** @type {Record<string, string>} */ ({
  "reason-required": "reason",
  serials: "serial_numbers",
  "serial-repeated": "serial_numbers",
});

/** A labelled input. @param {Field} field @returns {HTMLElement} */
export function fieldOf(field) {
  const id = uid("field");
  const help = field.help ? uid("help") : null;
  const common = {
    id,
    name: field.name,
    required: field.required,
    "aria-describedby": help,
    autocomplete: field.autocomplete ?? "off",
    dataset: { pointer: field.pointer ?? `/${field.name}` },
  };
  return h(
    "div",
    { class: "field" },
    h("label", { for: id }, field.label),
    inputOf(field, common),
    help && h("p", { class: "fine", id: help }, field.help),
  );
}

/** @param {Field} field @param {Record<string, unknown>} common */
function inputOf(field, common) {
  const value = field.value ?? "";
  if (field.options) {
    const choice = ([key, text]) =>
      h("option", { value: key, selected: String(value) === key }, text);
    return h("select", common, field.options.map(choice));
  }
  if (field.type === "area") return h("textarea", { ...common, rows: field.rows ?? 3 }, String(value));
  const { min, max, step, list } = field;
  return h("input", { ...common, type: field.type ?? "text", value, min, max, step, list });
}

/**
 * A choice that is on or off.
 * @param {{name: string, label: string, value?: string, checked?: boolean, help?: string}} box
 * @returns {HTMLElement}
 */
export function checkOf({ name, label, value = "on", checked = false, help }) {
  const id = help ? uid("help") : null;
  return h(
    "div",
    { class: "field" },
    h(
      "label",
      { class: "check" },
      h("input", { type: "checkbox", name, value, checked, "aria-describedby": id }),
      label,
    ),
    help && h("p", { class: "fine", id }, help),
  );
}

/**
 * @param {{body: Child, submit: string, danger?: boolean, cancel?: () => void,
 *   oninput?: (event: Event) => void, act: (form: HTMLFormElement) => Promise<unknown>}} sheet
 *   `act` does it; what it throws is shown, and everything typed stays
 * @returns {HTMLFormElement}
 */
export function formOf({ body, submit, danger, cancel, oninput, act }) {
  const trouble = h("div", null);
  const button = h(
    "button",
    { type: "submit", class: danger ? "button danger" : "button primary" },
    submit,
  );
  const form = /** @type {HTMLFormElement} */ (
    h(
      "form",
      { class: "form" },
      body,
      trouble,
      h(
        "div",
        { class: "form-end" },
        cancel && h("button", { type: "button", class: "button", onclick: cancel }, "Cancel"),
        button,
      ),
    )
  );
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    // Not `disabled`, which would take the focus away.
    if (button.getAttribute("aria-disabled")) return;
    button.setAttribute("aria-disabled", "true");
    forgive(form, trouble);
    try {
      await act(form);
    } catch (error) {
      refuse(form, trouble, error);
    } finally {
      button.removeAttribute("aria-disabled");
    }
  });
  form.addEventListener("input", (event) => {
    if (event.target instanceof HTMLElement) unmark(event.target);
    oninput?.(event);
  });
  return form;
}

/** What was typed, trimmed, by name. @param {HTMLFormElement} form */
export function valuesOf(form) {
  /** @type {Record<string, string>} */
  const values = {};
  for (const [name, value] of new FormData(form)) values[name] = String(value).trim();
  return values;
}

/**
 * Show a refusal: each sentence beside its field, the rest together.
 * @param {HTMLElement} form @param {HTMLElement} trouble @param {unknown} error
 */
export function refuse(form, trouble, error) {
  /** @type {import("./api.js").FieldError[]} */
  const left = [];
  /** @type {HTMLElement|null} */
  let first = null;
  for (const one of told(error)) {
    const part = WITHIN[one.code ?? ""];
    const pointer = `${one.pointer ?? ""}${part ? `/${part}` : ""}`;
    const input = one.in ? null : inputFor(form, pointer);
    if (input) mark(input, one.detail);
    else left.push(one);
    first ??= input;
  }
  if (first && !left.length) {
    show(trouble, h("p", { class: "problem", role: "alert" }, "Mend what is marked, then send it again."));
  } else show(trouble, problemBox(error, { errors: left }));
  first?.closest("details")?.setAttribute("open", "");
  first?.focus();
  if (!first) trouble.scrollIntoView({ block: "nearest" });
}

/** @param {unknown} error @returns {import("./api.js").FieldError[]} */
function told(error) {
  if (!(error instanceof Problem)) return [];
  const pointer = ABOUT[error.code];
  if (!error.errors.length && pointer) return [{ pointer, detail: error.message }];
  return error.errors;
}

/** Take back what `refuse` showed. @param {HTMLElement} form @param {HTMLElement} trouble */
export function forgive(form, trouble) {
  show(trouble);
  for (const input of form.querySelectorAll("[aria-invalid]")) unmark(/** @type {HTMLElement} */ (input));
}

/**
 * The input that a pointer names; of one of many the first, else that of which it is a part.
 * @param {HTMLElement} form @param {string} pointer @returns {HTMLElement|null}
 */
function inputFor(form, pointer) {
  const all = [.../** @type {NodeListOf<HTMLElement>} */ (form.querySelectorAll("[data-pointer]"))];
  const named = (/** @type {(name: string) => boolean} */ fits) =>
    all.find((one) => (one.dataset.pointer ?? "").split(" ").some(fits));
  for (let at = pointer; at; at = at.slice(0, at.lastIndexOf("/"))) {
    // A list as a whole is no field: what is said of it is shown below the form.
    const isOne = /\/\d+$/.test(at);
    const found = named((name) => name === at) ?? (isOne ? named((name) => name.startsWith(`${at}/`)) : null);
    if (found) return found;
  }
  return null;
}

/** @param {HTMLElement} input @param {string} detail */
export function mark(input, detail) {
  const id = uid("wrong");
  const before = input.getAttribute("aria-describedby");
  input.setAttribute("aria-invalid", "true");
  input.setAttribute("aria-describedby", before ? `${before} ${id}` : id);
  const place = input.closest(".field, .counting") ?? input.parentElement;
  place?.append(h("p", { class: "wrong", id }, detail));
}

/** @param {HTMLElement} input */
function unmark(input) {
  if (!input.hasAttribute("aria-invalid")) return;
  input.removeAttribute("aria-invalid");
  const ids = (input.getAttribute("aria-describedby") ?? "").split(" ");
  const kept = ids.filter((id) => {
    const said = document.getElementById(id);
    if (said && !said.classList.contains("wrong")) return true;
    said?.remove();
    return false;
  });
  if (kept.length) input.setAttribute("aria-describedby", kept.join(" "));
  else input.removeAttribute("aria-describedby");
}
