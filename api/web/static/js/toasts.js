// Short notices that screen readers hear too.

import { h } from "./dom.js";
import { icon } from "./icons.js";

const STAYS = 6000;

/** @param {string} text @param {{bad?: boolean}} [options] a bad one stays until it is closed */
export function toast(text, options = {}) {
  const region = document.getElementById("toasts");
  if (!region) return;
  const remove = () => notice.remove();
  const notice = h(
    "div",
    { class: options.bad ? "toast bad" : "toast" },
    h("span", null, text),
    h(
      "button",
      { class: "bare", type: "button", "aria-label": "Close this notice", onclick: remove },
      icon("close"),
    ),
  );
  region.append(notice);
  if (!options.bad) setTimeout(remove, STAYS);
}
