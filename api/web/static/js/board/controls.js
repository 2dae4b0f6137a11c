// What narrows the board: counts per verdict, network, wave, search.

import { plural } from "../dates.js";
import { h, s, show } from "../dom.js";
import { icon } from "../icons.js";
import { VERDICTS, listed, streamWord, verdictWord } from "../words.js";
import { queryOf } from "./model.js";

/**
 * @param {Map<string, number>} counts @param {Set<string>} chosen
 * @param {(verdict: string) => void} toggle @returns {HTMLElement}
 */
export function verdictCounts(counts, chosen, toggle) {
  const present = VERDICTS.filter((verdict) => counts.get(verdict) || chosen.has(verdict));
  return h(
    "div",
    { class: "counts" },
    proportions(present, counts),
    h(
      "div",
      { class: "count-row", role: "group", "aria-label": "Show only these verdicts" },
      present.map((verdict) =>
        h(
          "button",
          {
            type: "button",
            class: "count",
            dataset: { verdict },
            "aria-pressed": String(chosen.has(verdict)),
            onclick: () => toggle(verdict),
          },
          h("span", { class: "count-number num" }, (counts.get(verdict) ?? 0).toLocaleString("en")),
          h("span", { class: "count-word" }, icon(verdict), verdictWord(verdict)),
        ),
      ),
    ),
  );
}

/** @param {readonly string[]} verdicts @param {Map<string, number>} counts */
function proportions(verdicts, counts) {
  const whole = [...counts.values()].reduce((sum, count) => sum + count, 0) || 1;
  let at = 0;
  const bars = verdicts.map((verdict) => {
    const width = ((counts.get(verdict) ?? 0) / whole) * 1000;
    const bar = s(
      "rect",
      { x: at, y: 0, width, height: 8, "data-verdict": verdict, class: "segment" },
    );
    at += width;
    return bar;
  });
  return s(
    "svg",
    {
      class: "proportions",
      viewBox: "0 0 1000 8",
      preserveAspectRatio: "none",
      "aria-hidden": "true",
    },
    bars,
  );
}

/**
 * The sentence over the board.
 * @param {Map<string, number>} counts @returns {string}
 */
export function headline(counts) {
  const of = (/** @type {string} */ name) => counts.get(name) ?? 0;
  const total = [...counts.values()].reduce((sum, count) => sum + count, 0);
  if (!total) return "No school matches.";
  const bad = of("late") + of("lapsed");
  const fine = of("ready") + of("on_track");
  if (fine === total) {
    return total === 1 ? "This school will be ready for first bell." : `All ${total.toLocaleString("en")} schools will be ready for first bell.`;
  }
  const parts = [
    `${fine.toLocaleString("en")} of ${plural(total, "school")} will be ready for first bell`,
  ];
  if (of("at_risk")) parts.push(
    `${of("at_risk").toLocaleString("en")} ${of("at_risk") === 1 ? "is" : "are"} at risk`,
  );
  if (bad) parts.push(`${bad.toLocaleString("en")} will not make it as things stand`);
  return `${listed(parts)}.`;
}

/** The search field and the selects. */
export class Controls {
  /** @param {import("./model.js").Filters} filters @param {(change: Partial<import("./model.js").Filters>) => void} change */
  constructor(filters, change) {
    this.change = change;
    this.search = /** @type {HTMLInputElement} */ (
      h("input", {
        type: "search",
        id: "board-search",
        placeholder: "School, code or network",
        autocomplete: "off",
        spellcheck: "false",
        "aria-keyshortcuts": "/",
        oninput: () => change({ q: this.search.value }),
      })
    );
    this.network = this.select("board-network", (value) => change({ network: value }));
    this.wave = this.select("board-wave", (value) => change({ wave: value }));
    this.order = this.select("board-order", (value) => change({ sort: value }));
    this.csv = h("a", { class: "button", download: "board.csv" }, icon("download"), "CSV");
    this.node = h(
      "div",
      { class: "controls", role: "search" },
      labelled(
        "board-search",
        "Search",
        h(
          "div",
          { class: "search" },
          icon("search"),
          this.search,
          h("kbd", { "aria-hidden": "true" }, "/"),
        ),
      ),
      labelled("board-network", "Network", this.network),
      labelled("board-wave", "Wave", this.wave),
      h("div", { class: "narrow-only" }, labelled("board-order", "Sort by", this.order)),
      this.csv,
    );
    this.fill(filters, [], []);
  }

  /** @param {string} id @param {(value: string) => void} chosen */
  select(id, chosen) {
    const select = /** @type {HTMLSelectElement} */ (
      h("select", { id, onchange: () => chosen(select.value) })
    );
    return select;
  }

  /**
   * @param {import("./model.js").Filters} filters @param {import("./model.js").Row[]} rows
   * @param {string[]} streams
   */
  fill(filters, rows, streams) {
    const networks = new Map();
    const waves = new Set();
    for (const row of rows) {
      networks.set(row.network.code, row.network.name);
      if (row.wave) waves.add(row.wave);
    }
    const byName = [...networks].sort((a, b) => a[1].localeCompare(b[1]));
    options(this.network, [["", "All networks"], ...byName], filters.network);
    options(
      this.wave,
      [["", "All waves"], ...[...waves].sort().map((wave) => [wave, wave])],
      filters.wave,
    );
    options(
      this.order,
      [
        ["verdict", "Verdict, worst first"],
        ["school", "School"],
        ["network", "Network"],
        ["percent", "Gates, fewest first"],
        ["-ready_on", "Ready on, latest first"],
        ...streams.map((slug) => [slug, streamWord(slug)]),
      ],
      filters.sort,
    );
    if (document.activeElement !== this.search) this.search.value = filters.q;
    const query = queryOf(filters);
    for (const ours of ["q", "sort", "verdict"]) query.delete(ours);
    for (const verdict of filters.verdicts) query.append("verdict", verdict);
    query.set("format", "csv");
    query.set("limit", "50000");
    this.csv.setAttribute("href", `/v1/readiness?${query}`);
  }
}

/** @param {string} id @param {string} text @param {Node} input */
function labelled(id, text, input) {
  return h("div", { class: "control" }, h("label", { for: id }, text), input);
}

/** @param {HTMLSelectElement} select @param {string[][]} choices @param {string} chosen */
function options(select, choices, chosen) {
  const all = choices.some(([value]) => value === chosen) ? choices : [...choices, [chosen, chosen]];
  const key = JSON.stringify(all);
  // Replacing the options of a list that is open would close it.
  if (select.dataset.key !== key) {
    show(select, all.map(([value, text]) => h("option", { value }, text)));
    select.dataset.key = key;
  }
  select.value = chosen;
}
