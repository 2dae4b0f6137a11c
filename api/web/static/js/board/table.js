// The table: only the rows near the window exist, so that 20,000 schools scroll like 20.

import { h, show } from "../dom.js";
import { icon } from "../icons.js";
import { streamShort, streamWord } from "../words.js";
import { rowOf } from "./cells.js";

const OVERSCAN = 12;
const PRINTED = 2000;

/** The board's table. */
export class BoardTable {
  /** @param {{sort: (column: string) => void, signal: AbortSignal}} options */
  constructor({ sort, signal }) {
    this.sort = sort;
    /** @type {import("./model.js").Row[]} */
    this.rows = [];
    /** @type {string[]} */
    this.streams = [];
    this.sorting = "";
    this.active = 0;
    this.height = 52;
    /** @type {Map<number, HTMLElement>} */
    this.drawn = new Map();
    this.everything = false;
    this.head = h("thead", { role: "rowgroup" });
    this.above = h("tr", { class: "gap", "aria-hidden": "true" }, h("td", null));
    this.below = h("tr", { class: "gap", "aria-hidden": "true" }, h("td", null));
    this.body = h("tbody", { role: "rowgroup" }, this.above, this.below);
    this.node = h(
      "table",
      { role: "table", class: "board", "aria-label": "Schools", tabindex: -1 },
      this.head,
      this.body,
    );
    this.node.addEventListener(
      "keydown",
      (event) => this.onKey(/** @type {KeyboardEvent} */ (event)),
    );
    this.body.addEventListener("focusin", (event) => this.onFocus(event));
    let frame = 0;
    const soon = () => {
      frame ||= requestAnimationFrame(() => {
        frame = 0;
        this.draw();
      });
    };
    addEventListener("scroll", soon, { passive: true, signal });
    addEventListener("resize", () => this.measure(), { signal });
    addEventListener("beforeprint", () => this.print(true), { signal });
    addEventListener("afterprint", () => this.print(false), { signal });
  }

  /**
   * @param {import("./model.js").Row[]} rows @param {string[]} streams @param {string} sorting
   */
  set(rows, streams, sorting) {
    const columns = streams.join() !== this.streams.join() || sorting !== this.sorting || !this.head.firstChild;
    const kept = this.rows[this.active]?.school.id;
    const hadFocus = this.body.contains(document.activeElement);
    this.rows = rows;
    this.streams = streams;
    this.sorting = sorting;
    if (columns) this.drawHead();
    this.node.setAttribute("aria-rowcount", String(rows.length + 1));
    // The reader's row stays theirs when rows move around it.
    const found = kept ? rows.findIndex((row) => row.school.id === kept) : -1;
    this.active = found >= 0 ? found : 0;
    this.clear();
    this.draw();
    if (hadFocus) this.focus(this.active, { scroll: false });
    this.measure();
  }

  clear() {
    for (const row of this.drawn.values()) row.remove();
    this.drawn.clear();
  }

  drawHead() {
    const columns = [
      ["school", "School", "col-school"],
      ["network", "Network", "col-network"],
      ...this.streams.map((slug) => [slug, streamShort(slug), "col-stream", streamWord(slug)]),
      ["verdict", "Verdict", "col-verdict"],
      ["percent", "Gates", "col-percent"],
      ["ready_on", "Ready on", "col-ready"],
    ];
    const focused = document.activeElement?.closest?.("th")?.dataset.column;
    show(
      this.head,
      h(
        "tr",
        { role: "row", "aria-rowindex": 1 },
        columns.map(([key, label, kind, whole]) => this.headCell(key, label, kind, whole)),
      ),
    );
    if (focused) {
      /** @type {HTMLElement|null} */ (this.head.querySelector(`th[data-column="${CSS.escape(focused)}"] button`))?.focus();
    }
  }

  /** @param {string} key @param {string} label @param {string} kind @param {string} [whole] */
  headCell(key, label, kind, whole) {
    const descending = this.sorting === `-${key}`;
    const on = descending || this.sorting === key;
    return h(
      "th",
      {
        role: "columnheader",
        scope: "col",
        class: kind,
        dataset: { column: key },
        "aria-sort": on ? (descending ? "descending" : "ascending") : null,
      },
      h(
        "button",
        { type: "button", title: whole, "aria-label": whole, onclick: () => this.sort(key) },
        label,
        on && icon(descending ? "down" : "up"),
      ),
    );
  }

  /** Rows are equally high; how high, the style sheet decides. */
  measure() {
    const sample = this.drawn.values().next().value;
    const height = sample?.getBoundingClientRect().height;
    if (!height || Math.abs(height - this.height) < 0.5) return;
    this.height = height;
    this.clear();
    this.draw();
  }

  draw() {
    const count = this.rows.length;
    const top = -this.body.getBoundingClientRect().top;
    let first = Math.max(0, Math.floor(top / this.height) - OVERSCAN);
    let last = Math.min(count, Math.ceil((top + innerHeight) / this.height) + OVERSCAN);
    if (this.everything) [first, last] = [0, Math.min(count, PRINTED)];
    first = Math.min(first, Math.max(0, count - 1));
    last = Math.max(last, first);
    for (const [index, row] of this.drawn) {
      if (index >= first && index < last) continue;
      if (row.contains(document.activeElement)) this.node.focus({ preventScroll: true });
      row.remove();
      this.drawn.delete(index);
    }
    this.stretch(this.above, first * this.height);
    this.stretch(this.below, (count - last) * this.height);
    let before = /** @type {Element} */ (this.above);
    for (let index = first; index < last; index += 1) {
      let row = this.drawn.get(index);
      if (!row) {
        row = rowOf(this.rows[index], this.streams, index);
        this.drawn.set(index, row);
        before.after(row);
      }
      before = row;
    }
    this.mark();
  }

  /** @param {HTMLElement} gap @param {number} height */
  stretch(gap, height) {
    const cell = /** @type {HTMLElement} */ (gap.firstChild);
    gap.hidden = height <= 0;
    cell.style.height = `${Math.max(0, height)}px`;
  }

  /** One link of the table is a tab stop; arrows lead to the others. */
  mark() {
    const stop = this.drawn.has(this.active) ? this.active : this.drawn.keys().next().value;
    for (const [index, row] of this.drawn) {
      row.querySelector("a")?.setAttribute("tabindex", index === stop ? "0" : "-1");
    }
  }

  /** @param {Event} event */
  onFocus(event) {
    const row = /** @type {Element} */ (event.target).closest("tr[data-index]");
    if (!(row instanceof HTMLElement)) return;
    this.active = Number(row.dataset.index);
    this.mark();
  }

  /** @param {KeyboardEvent} event */
  onKey(event) {
    const page = Math.max(1, Math.floor(innerHeight / this.height) - 2);
    /** @type {Record<string, number>} */
    const moves = {
      ArrowDown: this.active + 1,
      ArrowUp: this.active - 1,
      PageDown: this.active + page,
      PageUp: this.active - page,
      Home: 0,
      End: this.rows.length - 1,
    };
    const to = moves[event.key];
    if (to === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    this.focus(to);
  }

  /** @param {number} index @param {{scroll?: boolean}} [options] */
  focus(index, { scroll = true } = {}) {
    this.active = Math.max(0, Math.min(this.rows.length - 1, index));
    if (scroll) this.reveal(this.active);
    this.draw();
    this.drawn.get(this.active)?.querySelector("a")?.focus({ preventScroll: true });
  }

  /** Bring a row that may not exist yet into the window. @param {number} index */
  reveal(index) {
    const start = this.body.getBoundingClientRect().top + scrollY + index * this.height;
    const headroom = this.head.getBoundingClientRect().height + 4;
    if (start < scrollY + headroom) scrollTo({ top: start - headroom, behavior: "instant" });
    else if (start + this.height > scrollY + innerHeight) {
      scrollTo({ top: start + this.height - innerHeight + 4, behavior: "instant" });
    }
  }

  /** @param {boolean} on paper has no window to scroll */
  print(on) {
    this.everything = on;
    this.draw();
  }
}
