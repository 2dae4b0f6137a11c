// A list that is narrowed by its address and read page by page.

import { call, isAbort } from "../api.js";
import { plural } from "../dates.js";
import { h, show } from "../dom.js";
import { problemBox } from "../problems.js";
import { note } from "../router.js";
import { keepFocus } from "../school/buttons.js";

const PAGE = 100;
const PAUSE = 250;

/**
 * @typedef {{page: string, source: string, filters: Record<string, string>, signal: AbortSignal,
 *   draw: (items: any[]) => import("../dom.js").Child, nothing: string, noun: string}} Options
 *   `page` and `source` are the paths of the page and of what it reads
 */

/** Draws what fits the filters; a slower, older answer never replaces a newer one. */
export class Listing {
  /** @param {Options} options */
  constructor(options) {
    this.options = options;
    /** @type {Record<string, string>} */
    this.filters = { ...options.filters };
    this.trouble = h("div", null);
    this.place = h("div", null, h("p", null, "Reading."));
    this.more = h("div", null);
    this.said = h("p", { class: "fine result", role: "status" });
    /** @type {any[]} */
    this.items = [];
    this.asked = 0;
    this.later = 0;
    options.signal.addEventListener("abort", () => clearTimeout(this.later));
  }

  get nodes() {
    return [this.said, this.trouble, this.place, this.more];
  }

  /** @param {string} name @param {string} value @param {{typing?: boolean}} [options] */
  narrow(name, value, options = {}) {
    this.filters[name] = value;
    const text = this.query().toString();
    note(text ? `${this.options.page}?${text}` : this.options.page);
    clearTimeout(this.later);
    if (options.typing) this.later = window.setTimeout(() => void this.read(), PAUSE);
    else void this.read();
  }

  query() {
    return new URLSearchParams(Object.entries(this.filters).filter(([, value]) => value));
  }

  /** Read again, as far as the reader had come. */
  async read() {
    const query = this.query();
    query.set("limit", String(Math.min(1000, Math.max(PAGE, this.items.length))));
    await this.fetch(`${this.options.source}?${query}`, []);
  }

  /** @param {string} path @param {any[]} before what stays in front */
  async fetch(path, before) {
    this.asked += 1;
    const mine = this.asked;
    try {
      const answer = await call("GET", path, { signal: this.options.signal });
      if (mine !== this.asked) return;
      this.items = [...before, ...answer.data.items];
      // A page that was narrowed may be empty and not the last.
      if (!this.items.length && answer.next) {
        await this.fetch(answer.next, []);
        return;
      }
      show(this.trouble);
      this.draw(answer.next);
    } catch (error) {
      if (isAbort(error) || mine !== this.asked) return;
      show(this.trouble, problemBox(error, { retry: () => void this.fetch(path, before) }));
    }
  }

  /** @param {string|null} next */
  draw(next) {
    const { draw, noun, nothing } = this.options;
    const count = plural(this.items.length, noun);
    this.said.textContent = next ? `The first ${count}` : count;
    const narrowed = this.query().size > 0;
    const empty = narrowed ? "Nothing matches these filters." : nothing;
    keepFocus(this.place, () =>
      show(this.place, this.items.length ? draw(this.items) : h("p", { class: "empty" }, empty)),
    );
    const onclick = () => void this.fetch(String(next), this.items);
    show(this.more, next && h("button", { type: "button", class: "button", onclick }, "Show more"));
  }
}
