// A refusal, shown where it happened.

import { Problem } from "./api.js";
import { h } from "./dom.js";

/**
 * @param {unknown} error
 * @param {{retry?: () => void, errors?: import("./api.js").FieldError[]}} [options]
 *   `errors` where some of its own are shown elsewhere
 * @returns {HTMLElement}
 */
export function problemBox(error, options = {}) {
  const known = error instanceof Problem ? error : null;
  // A mistake of ours: what it was belongs to whoever opens the browser's console.
  if (!known) console.error(error);
  const errors = options.errors ?? known?.errors ?? [];
  const details = errors.map((one) => h("li", null, label(one), one.detail));
  return h(
    "div",
    { class: "problem", role: "alert" },
    h(
      "p",
      null,
      known ? known.message : "This page failed. Reload it; if it fails again, tell who runs FirstBell.",
    ),
    details.length > 0 && h("ul", null, details),
    known?.requestId && h("p", { class: "fine" }, `Request ${known.requestId}`),
    options.retry &&
      h("button", { type: "button", class: "button", onclick: options.retry }, "Try again"),
  );
}

/** @param {import("./api.js").FieldError} error */
function label(error) {
  const name = (error.pointer ?? "").replace(/^\//, "").replaceAll("_", " ");
  return name ? h("b", null, `${name}: `) : null;
}
