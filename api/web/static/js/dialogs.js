// Modal questions with <dialog>: Esc closes, focus returns, a refusal is shown in place.

import { h, show, uid } from "./dom.js";
import { fieldOf, formOf, valuesOf } from "./forms.js";
import { icon } from "./icons.js";

/**
 * Show a modal dialog; it is removed when it closes.
 * @param {string} title @param {(close: () => void) => import("./dom.js").Child} body
 * @param {{size?: "wide"|"broad", onclose?: () => void}} [options]
 * @returns {HTMLDialogElement}
 */
export function openDialog(title, body, options = {}) {
  const id = uid("dialog");
  const from = document.activeElement;
  const dialog = /** @type {HTMLDialogElement} */ (
    h("dialog", { class: `dialog ${options.size ?? ""}`, "aria-labelledby": id })
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
 * A dialog in which something is done or not.
 * @param {string} title
 * @param {(close: () => void, finish: () => void) => import("./dom.js").Child} body `finish` closes
 *   it as done
 * @param {"wide"|"broad"} [size] @returns {Promise<boolean>} whether it was done
 */
export function attempt(title, body, size) {
  return new Promise((resolve) => {
    let done = false;
    const content = (/** @type {() => void} */ close) =>
      body(close, () => {
        done = true;
        close();
      });
    openDialog(title, content, { size, onclose: () => resolve(done) });
  });
}

/**
 * @typedef {{title: string, intro?: import("./dom.js").Child,
 *   fields: (import("./forms.js").Field|HTMLElement)[], submit: string, danger?: boolean,
 *   size?: "wide"|"broad", oninput?: (event: Event) => void,
 *   act: (values: Record<string, string>, form: HTMLFormElement) => Promise<unknown>}} Form
 */

/**
 * Ask for some fields; stays open with the reason when `act` fails.
 * @param {Form} form @returns {Promise<boolean>} whether it was done
 */
export function ask(form) {
  return attempt(
    form.title,
    (cancel, finish) =>
      formOf({
        body: [
          form.intro && h("div", { class: "intro" }, form.intro),
          form.fields.map((one) => (one instanceof HTMLElement ? one : fieldOf(one))),
        ],
        submit: form.submit,
        danger: form.danger,
        cancel,
        oninput: form.oninput,
        act: async (filled) => {
          await form.act(valuesOf(filled), filled);
          finish();
        },
      }),
    form.size,
  );
}
