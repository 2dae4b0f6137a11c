// Groups of fields that can be added and removed, such as the lines of an order.

import { h } from "./dom.js";

/**
 * @template T
 * @typedef {{noun: string, add: string, make: (given?: any) => T & {node: HTMLElement},
 *   changed?: () => void, kind?: string}} RowsOptions
 *   `noun` names a row, `add` the button that adds one, `kind` is their class
 */

/** @template T */
export class Rows {
  /** @param {RowsOptions<T>} options */
  constructor(options) {
    this.options = options;
    /** @type {(T & {node: HTMLElement, frame: HTMLElement})[]} */
    this.rows = [];
    this.place = h("div", { class: "rows" });
    this.button = h(
      "button",
      { type: "button", class: "button small", onclick: () => this.another() },
      options.add,
    );
    this.node = h("div", { class: "rows-box" }, this.place, h("p", null, this.button));
  }

  /** @param {any} [given] what `make` starts from */
  add(given) {
    const made = this.options.make(given);
    const remove = h("button", { type: "button", class: "button small", onclick: () => this.remove(row) }, "Remove");
    const frame = h("div", { class: `row ${this.options.kind ?? ""}`, role: "group" }, made.node, remove);
    const row = Object.assign(made, { frame });
    this.rows.push(row);
    this.place.append(frame);
    this.renumber();
    return row;
  }

  another() {
    this.first(this.add())?.focus();
    this.options.changed?.();
  }

  /** @param {T & {frame: HTMLElement}} row */
  remove(row) {
    const at = this.rows.findIndex((one) => one === row);
    this.rows.splice(at, 1);
    row.frame.remove();
    this.renumber();
    // The keyboard stays where it was: at what follows, else at the button that adds.
    const next = this.rows[Math.min(at, this.rows.length - 1)];
    (next ? this.first(next) : this.button)?.focus();
    this.options.changed?.();
  }

  /** @param {{frame: HTMLElement}} row @returns {HTMLElement|null} */
  first(row) {
    return row.frame.querySelector("input, select, textarea");
  }

  renumber() {
    for (const [at, { frame }] of this.rows.entries()) {
      const name = `${this.options.noun} ${at + 1}`;
      frame.setAttribute("aria-label", name);
      frame.lastElementChild?.setAttribute("aria-label", `Remove ${name.toLowerCase()}`);
    }
  }
}
