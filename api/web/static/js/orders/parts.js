// What the pages of orders, events, vendors and accounts draw alike.

import { h, show } from "../dom.js";
import { icon } from "../icons.js";
import { problemBox } from "../problems.js";
import { whoami } from "../session.js";
import { sentence } from "../words.js";

/**
 * @typedef {import("../dom.js").Child} Child
 * @typedef {{head: string, number?: boolean}} Column
 */

/** The colours of verdicts, lent to states and outcomes. @type {Record<string, string>} */
const COLOURS = {
  pre_transit: "unscheduled",
  in_transit: "on_track",
  out_for_delivery: "on_track",
  delivery_attempted: "at_risk",
  available_for_pickup: "at_risk",
  delivered: "ready",
  exception: "late",
  lost: "late",
  returning: "late",
  returned: "late",
  draft: "unscheduled",
  approved: "on_track",
  placed: "on_track",
  on_hold: "at_risk",
  closed: "ready",
  cancelled: "unscheduled",
  stored: "on_track",
  applied: "ready",
  duplicate: "unscheduled",
  unmatched: "at_risk",
  failed: "late",
  ignored: "unscheduled",
  queued: "on_track",
  running: "on_track",
  previewed: "unscheduled",
  held: "at_risk",
  undone: "unscheduled",
};

/** @type {Record<string, string>} */
const ICONS = {
  in_transit: "on_track",
  out_for_delivery: "on_track",
  delivery_attempted: "at_risk",
  available_for_pickup: "at_risk",
  delivered: "ready",
  exception: "late",
  lost: "late",
  returning: "back",
  returned: "back",
  draft: "edit",
  approved: "done",
  placed: "on_track",
  on_hold: "at_risk",
  closed: "ready",
  cancelled: "cancelled",
  stored: "pending",
  applied: "ready",
  duplicate: "pending",
  unmatched: "at_risk",
  failed: "late",
  ignored: "skipped",
  queued: "pending",
  running: "in_progress",
  previewed: "search",
  held: "at_risk",
  undone: "back",
};

/** A state of an order or an import, or an outcome of an event. @param {string} state @returns {HTMLElement} */
export function stateBadge(state) {
  return h(
    "span",
    { class: "badge", dataset: { verdict: COLOURS[state] ?? "unscheduled" } },
    icon(ICONS[state] ?? "pending"),
    sentence(state),
  );
}

/** @param {number|null|undefined} count @returns {string} */
export function figure(count) {
  return count === null || count === undefined ? "–" : count.toLocaleString("en");
}

/**
 * Who did it, as far as a reader may know: what actors are called is not for everybody.
 * @param {string} actor such as `user:…` @returns {string}
 */
export function whose(actor) {
  if (actor === whoami()?.actor) return "you";
  const [kind, name] = actor.split(":");
  if (kind === "user") return "a colleague";
  if (kind === "token") return "a script";
  // Scans name their source only.
  if (kind === "event") return "a vendor's event";
  if (kind === "call") return "somebody here";
  return kind === "vendor" ? name : "FirstBell";
}

/**
 * A table that becomes a list of cards where it is narrow.
 * @param {string} caption for screen readers @param {Column[]} columns
 * @param {{cells: Child[], attributes?: Record<string, unknown>}[]} rows the first cell heads its row
 * @returns {HTMLElement}
 */
export function tableOf(caption, columns, rows) {
  const number = (/** @type {number} */ at) => (columns[at].number ? "num right" : null);
  return h(
    "table",
    { class: "sheet", role: "table" },
    h("caption", { class: "sr" }, caption),
    h(
      "thead",
      { role: "rowgroup" },
      h(
        "tr",
        { role: "row" },
        columns.map((column, at) =>
          h("th", { scope: "col", role: "columnheader", class: number(at) }, column.head),
        ),
      ),
    ),
    h(
      "tbody",
      { role: "rowgroup" },
      rows.map(({ cells, attributes }) =>
        h(
          "tr",
          { role: "row", ...attributes },
          cells.map((cell, at) => bodyCell(at, columns[at], number(at), cell)),
        ),
      ),
    ),
  );
}

/** @param {number} at @param {Column} column @param {string|null} kind @param {Child} cell */
function bodyCell(at, column, kind, cell) {
  if (at === 0) return h("th", { scope: "row", role: "rowheader" }, cell);
  // Where it is narrow the head stands beside what is in the cell, which has to be one thing.
  const one = Array.isArray(cell) ? h("span", null, cell) : cell;
  return h("td", { role: "cell", class: kind, dataset: { head: column.head } }, one);
}

/**
 * A button that is busy while it works, and shows a refusal where it is told to.
 * @param {string} label @param {() => Promise<unknown>} act @param {HTMLElement} trouble
 * @param {{about?: string, primary?: boolean, key?: string}} [options] `about` for screen readers
 * @returns {HTMLElement}
 */
export function busyButton(label, act, trouble, options = {}) {
  const button = h(
    "button",
    {
      type: "button",
      class: options.primary ? "button small primary" : "button small",
      "aria-label": options.about ? `${label}: ${options.about}` : null,
      dataset: { key: options.key },
      onclick: async () => {
        if (button.getAttribute("aria-disabled")) return;
        button.setAttribute("aria-disabled", "true");
        show(trouble);
        try {
          await act();
        } catch (error) {
          show(trouble, problemBox(error));
        } finally {
          button.removeAttribute("aria-disabled");
        }
      },
    },
    label,
  );
  return button;
}

/**
 * A labelled select among the controls of a list.
 * @param {string} id @param {string} label @param {[string, string][]} options
 * @param {string} value @param {(value: string) => void} change @returns {HTMLElement}
 */
export function chooser(id, label, options, value, change) {
  const onchange = (/** @type {Event} */ event) =>
    change(/** @type {HTMLSelectElement} */ (event.target).value);
  return h(
    "div",
    { class: "control" },
    h("label", { for: id }, label),
    h(
      "select",
      { id, onchange },
      options.map(([key, text]) => h("option", { value: key, selected: key === value }, text)),
    ),
  );
}
