// Counting pieces of one line: how many, and where it matters which, and what was wrong with some.

import { localToday, parts } from "../dates.js";
import { h, hidden, uid } from "../dom.js";
import { figure } from "./parts.js";

/**
 * @typedef {{sku: string, for: string, of?: number|null, rejects?: boolean, value?: number}} What
 *   `for` is the place, `of` how many there could be, `rejects` whether some may be turned away
 */

/** One line's pieces at one place. */
export class Count {
  /** @param {What} what */
  constructor(what) {
    this.what = what;
    this.input = numberInput(`${what.sku} for ${what.for}`, what.value);
    this.rejected = what.rejects ? numberInput(null) : null;
    this.reason = what.rejects ? /** @type {HTMLInputElement} */ (h("input", { type: "text" })) : null;
    this.serials = /** @type {HTMLTextAreaElement} */ (
      h("textarea", { rows: 3, autocomplete: "off", spellcheck: "false" })
    );
    this.scanned = 0;
    this.serials.addEventListener("input", () => this.follow());
    this.node = this.draw();
  }

  /** Who scans need not count as well; what was counted by hand stays. */
  follow() {
    const scanned = serialsIn(this.serials.value).length;
    if (["", String(this.scanned)].includes(this.input.value)) this.fill(scanned);
    this.scanned = scanned;
  }

  draw() {
    const of = uid("of");
    const { sku, for: place, of: most, rejects } = this.what;
    if (most !== undefined) this.input.setAttribute("aria-describedby", of);
    const word = rejects ? "Rejected, serial numbers" : "Serial numbers";
    return h(
      "div",
      { class: "counting" },
      h(
        "span",
        { class: "counted" },
        this.input,
        most !== undefined && h("span", { class: "fine num", id: of }, `of ${figure(most)}`),
      ),
      h(
        "details",
        { class: "more" },
        h("summary", null, word, hidden(` of ${sku} at ${place}`)),
        h(
          "div",
          { class: "more-fields", role: "group", "aria-label": `More about ${sku} at ${place}` },
          this.rejected && labelled("Rejected", this.rejected),
          this.reason && labelled("Why rejected", this.reason),
          labelled("Serial numbers", this.serials, "One a line, or with spaces between."),
        ),
      ),
    );
  }

  /** How many were counted, the rejected among them. */
  get pieces() {
    return numberIn(this.input) + (this.rejected ? numberIn(this.rejected) : 0);
  }

  /** @param {number} pieces */
  fill(pieces) {
    this.input.value = pieces > 0 ? String(pieces) : "";
  }

  clear() {
    for (const input of [this.input, this.rejected, this.reason, this.serials]) {
      if (input) input.value = "";
    }
    this.scanned = 0;
    this.node.querySelector("details")?.removeAttribute("open");
  }

  /** No refusal is shown here any more: another line of the body has its place. */
  forget() {
    for (const input of [this.input, this.rejected, this.reason, this.serials]) {
      delete input?.dataset.pointer;
    }
  }

  /**
   * As a body names it; from now on refusals at `pointer` are shown here.
   * @param {string} pointer @param {"accepted"|"quantity"} word
   */
  line(pointer, word) {
    this.input.dataset.pointer = `${pointer}/${word} ${pointer}/sku`;
    this.serials.dataset.pointer = `${pointer}/serial_numbers`;
    const serials = serialsIn(this.serials.value);
    const line = {
      sku: this.what.sku,
      [word]: numberIn(this.input),
      ...(serials.length && { serial_numbers: serials }),
    };
    if (!this.rejected || !this.reason) return line;
    this.rejected.dataset.pointer = `${pointer}/rejected`;
    this.reason.dataset.pointer = `${pointer}/reason`;
    const reason = this.reason.value.trim();
    return { ...line, rejected: numberIn(this.rejected), ...(reason && { reason }) };
  }
}

/** @param {string|null} label @param {number} [value] @returns {HTMLInputElement} */
function numberInput(label, value) {
  return /** @type {HTMLInputElement} */ (
    h("input", {
      type: "number",
      min: 0,
      step: 1,
      inputmode: "numeric",
      "aria-label": label,
      value: value ? String(value) : null,
    })
  );
}

/** @param {HTMLInputElement} input */
function numberIn(input) {
  return Number(input.value) || 0;
}

/** @param {string} label @param {HTMLElement} input @param {string} [help] */
function labelled(label, input, help) {
  const id = uid("piece");
  input.id = id;
  const said = help ? uid("help") : null;
  if (said) input.setAttribute("aria-describedby", said);
  return h(
    "div",
    { class: "field" },
    h("label", { for: id }, label),
    input,
    said && h("p", { class: "fine", id: said }, help),
  );
}

/** @param {string} text as a scanner types it, or as it is pasted @returns {string[]} */
export function serialsIn(text) {
  return text.split(/[\s,;]+/).filter(Boolean);
}

/**
 * The lines of those that were counted.
 * @param {Count[]} counts @param {string} pointer of the list @param {"accepted"|"quantity"} word
 */
export function linesIn(counts, pointer, word) {
  for (const one of counts) one.forget();
  return counts.filter((one) => one.pieces > 0).map((one, at) => one.line(`${pointer}/${at}`, word));
}

/** The reader's own day, as date inputs want it. @returns {string} */
export function today() {
  const { year, month, date } = parts(localToday());
  return `${year}-${String(month + 1).padStart(2, "0")}-${String(date).padStart(2, "0")}`;
}
