// Counting pieces of one line: how many, and where it matters which, and what was wrong with some.

import { localToday, parts } from "../dates.js";
import { h, hidden, uid } from "../dom.js";
import { figure } from "./parts.js";

/**
 * @typedef {{sku: string, for: string, of?: number|null, rejects?: boolean, value?: number}} What
 *   `for` is the place, `of` how many there could be, `rejects` whether some may be turned away
 */

/**
 * @typedef {{rejected: HTMLInputElement|null, reason: HTMLInputElement|null,
 *   serials: HTMLTextAreaElement}} More
 */

/** One line's pieces at one place. */
export class Count {
  /** @param {What} what */
  constructor(what) {
    this.what = what;
    this.input = numberInput(`${what.sku} for ${what.for}`, what.value);
    // Made when somebody looks: an order may go to a thousand schools.
    /** @type {More|null} */
    this.more = null;
    this.scanned = 0;
    this.node = this.draw();
  }

  draw() {
    const of = uid("of");
    const { sku, for: place, of: most, rejects } = this.what;
    if (most !== undefined) this.input.setAttribute("aria-describedby", of);
    const word = rejects ? "Rejected, serial numbers" : "Serial numbers";
    const details = h("details", { class: "more" }, h("summary", null, word, hidden(` of ${sku} at ${place}`)));
    details.addEventListener("toggle", () => details.append(this.open()), { once: true });
    return h(
      "div",
      { class: "counting" },
      h(
        "span",
        { class: "counted" },
        this.input,
        most !== undefined && h("span", { class: "fine num", id: of }, `of ${figure(most)}`),
      ),
      details,
    );
  }

  open() {
    const { sku, for: place, rejects } = this.what;
    const rejected = rejects ? numberInput(null) : null;
    const reason = rejects ? /** @type {HTMLInputElement} */ (h("input", { type: "text" })) : null;
    const serials = /** @type {HTMLTextAreaElement} */ (
      h("textarea", { rows: 3, autocomplete: "off", spellcheck: "false" })
    );
    serials.addEventListener("input", () => this.follow(serialsIn(serials.value).length));
    this.more = { rejected, reason, serials };
    return h(
      "div",
      { class: "more-fields", role: "group", "aria-label": `More about ${sku} at ${place}` },
      rejected && labelled("Rejected", rejected),
      reason && labelled("Why rejected", reason),
      labelled("Serial numbers", serials, "One a line, or with spaces between."),
    );
  }

  /** Who scans need not count as well; what was counted by hand stays. @param {number} scanned */
  follow(scanned) {
    if (["", String(this.scanned)].includes(this.input.value)) this.fill(scanned);
    this.scanned = scanned;
  }

  /** How many were counted, the rejected among them. */
  get pieces() {
    return numberIn(this.input) + numberIn(this.more?.rejected);
  }

  /** @param {number} pieces */
  fill(pieces) {
    this.input.value = pieces > 0 ? String(pieces) : "";
  }

  get inputs() {
    return [this.input, this.more?.rejected, this.more?.reason, this.more?.serials];
  }

  clear() {
    for (const input of this.inputs) if (input) input.value = "";
    this.scanned = 0;
    this.node.querySelector("details")?.removeAttribute("open");
  }

  /** No refusal is shown here any more: another line of the body has its place. */
  forget() {
    for (const input of this.inputs) delete input?.dataset.pointer;
  }

  /**
   * As a body names it; from now on refusals at `pointer` are shown here.
   * @param {string} pointer @param {"accepted"|"quantity"} word
   */
  line(pointer, word) {
    this.input.dataset.pointer = `${pointer}/${word} ${pointer}/sku`;
    const line = { sku: this.what.sku, [word]: numberIn(this.input) };
    if (!this.more) return line;
    const { rejected, reason, serials } = this.more;
    serials.dataset.pointer = `${pointer}/serial_numbers`;
    if (rejected) rejected.dataset.pointer = `${pointer}/rejected`;
    if (reason) reason.dataset.pointer = `${pointer}/reason`;
    const numbers = serialsIn(serials.value);
    const why = reason?.value.trim();
    return {
      ...line,
      ...(rejected && { rejected: numberIn(rejected) }),
      ...(why && { reason: why }),
      ...(numbers.length && { serial_numbers: numbers }),
    };
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

/** @param {HTMLInputElement|null|undefined} input */
function numberIn(input) {
  return Number(input?.value) || 0;
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
