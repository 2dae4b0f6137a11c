// Modal questions with <dialog>: Esc closes, focus returns, a refusal is shown in place.

import { h, show, uid } from "./dom.js";
import { icon } from "./icons.js";
import { problemBox } from "./problems.js";

/**
 * Show a modal dialog; it is removed when it closes.
 * @param {string} title @param {(close: () => void) => import("./dom.js").Child} body
 * @param {{wide?: boolean, onclose?: () => void}} [options]
 * @returns {HTMLDialogElement}
 */
export function openDialog(title, body, options = {}) {
  const id = uid("dialog");
  const from = document.activeElement;
  const dialog = /** @type {HTMLDialogElement} */ (
    h("dialog", { class: options.wide ? "dialog wide" : "dialog", "aria-labelledby": id })
  );
  const close = () => dialog.close();
  show(
    dialog,
    h(
      "div",
      { class: "dialog-head" },
      h("h2", { id }, title),
      h(
        "button",
        { type: "button", class: "bare", "aria-label": "Close", onclick: close },
        icon("close"),
      ),
    ),
    h("div", { class: "dialog-body" }, body(close)),
  );
  dialog.addEventListener("close", () => {
    dialog.remove();
    if (from instanceof HTMLElement && from.isConnected) from.focus();
    options.onclose?.();
  });
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

/**
 * @typedef {{name: string, label: string, type?: string, value?: string|number|null,
 *   help?: string, required?: boolean, options?: [string, string][], min?: string, max?: string,
 *   autocomplete?: string}} Field
 * @typedef {{title: string, intro?: import("./dom.js").Child, fields: Field[], submit: string,
 *   danger?: boolean, act: (values: Record<string, string>) => Promise<unknown>}} Form
 */

/**
 * Ask for some fields; stays open with the reason when `act` fails.
 * @param {Form} form @returns {Promise<boolean>} whether it was done
 */
export function ask(form) {
  return new Promise((resolve) => {
    let done = false;
    openDialog(
      form.title,
      (close) =>
        formOf(form, close, () => {
          done = true;
          close();
        }),
      { onclose: () => resolve(done) },
    );
  });
}

/** @param {Form} form @param {() => void} cancel @param {() => void} finish */
function formOf(form, cancel, finish) {
  const trouble = h("div", null);
  const button = h(
    "button",
    { type: "submit", class: form.danger ? "button danger" : "button primary" },
    form.submit,
  );
  const submit = async (/** @type {Event} */ event) => {
    event.preventDefault();
    const data = new FormData(/** @type {HTMLFormElement} */ (event.target));
    const values = Object.fromEntries(
      [...data].map(([name, value]) => [name, String(value).trim()]),
    );
    button.setAttribute("disabled", "");
    try {
      await form.act(values);
      finish();
    } catch (error) {
      show(trouble, problemBox(error));
      button.removeAttribute("disabled");
    }
  };
  return h(
    "form",
    { class: "form", onsubmit: submit },
    form.intro && h("div", { class: "intro" }, form.intro),
    form.fields.map(fieldOf),
    trouble,
    h(
      "div",
      { class: "form-end" },
      h("button", { type: "button", class: "button", onclick: cancel }, "Cancel"),
      button,
    ),
  );
}

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
  if (field.type === "area") return h("textarea", { ...common, rows: 3 }, String(value));
  return h(
    "input",
    { ...common, type: field.type ?? "text", value, min: field.min, max: field.max },
  );
}
