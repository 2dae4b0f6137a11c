// The buttons that act on a task, busy while they do.

import { h } from "../dom.js";

/**
 * @param {import("./acts.js").Act[]} acts @param {string} about the task's title, for screen readers
 * @param {HTMLElement} trouble where a refusal is shown @param {() => void} changed
 * @param {string} scope makes the buttons' keys unique on the page
 * @returns {HTMLElement}
 */
export function actButtons(acts, about, trouble, changed, scope) {
  return h(
    "div",
    { class: "acts" },
    acts.map((act) => {
      const button = h(
        "button",
        {
          type: "button",
          class: act.primary ? "button small primary" : "button small",
          "aria-label": `${act.label}: ${about}`,
          dataset: { key: `${scope}:${act.key}` },
          onclick: async () => {
            button.setAttribute("aria-disabled", "true");
            const done = await act.run(trouble).finally(
              () => button.removeAttribute("aria-disabled"),
            );
            if (done) changed();
          },
        },
        act.label,
      );
      return button;
    }),
  );
}

/**
 * Redraw without taking the keyboard's place away: the element with the same key gets it back, and
 * what was unfolded stays so.
 * @param {HTMLElement} place @param {() => void} redraw
 */
export function keepFocus(place, redraw) {
  const held = document.activeElement;
  const key = held instanceof HTMLElement && place.contains(held) ? held.closest("[data-key]")?.dataset.key : null;
  const inside = held !== null && place.contains(held);
  const unfolded = [...place.querySelectorAll("details[open] > summary[data-key]")];
  redraw();
  for (const summary of unfolded) {
    const name = CSS.escape(summary.getAttribute("data-key") ?? "");
    place.querySelector(`summary[data-key="${name}"]`)?.parentElement?.setAttribute("open", "");
  }
  if (!inside) return;
  const again = key ? place.querySelector(`[data-key="${CSS.escape(key)}"]`) : null;
  const next = again ?? place.querySelector("h1");
  if (!(next instanceof HTMLElement)) return;
  if (!again) next.tabIndex = -1;
  next.focus({ preventScroll: true });
}
