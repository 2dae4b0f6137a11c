// Schools x checks: a table of marks, which becomes cards of what is open where it is narrow.

import { h, hidden } from "../dom.js";
import { listed } from "../words.js";
import { addressOf, colourOf, inShort, standingIcon, standingRank, standingWord } from "./words.js";

/** @typedef {import("./words.js").Standing} Standing */
/** @typedef {{school: string, name: string, checks: Standing[]}} Row */

/**
 * @param {Row[]} rows @param {Map<string, string>} titles by slug
 * @returns {HTMLElement}
 */
export function matrixOf(rows, titles) {
  const slugs = [...new Set(rows.flatMap((row) => row.checks.map((one) => one.check)))].sort();
  const titleOf = (/** @type {string} */ slug) => titles.get(slug) ?? slug;
  return h(
    "div",
    { class: "matrix-scroll", role: "region", "aria-label": "Schools and checks", tabindex: 0 },
    h(
      "table",
      { class: "matrix", role: "table" },
      h("caption", { class: "sr" }, "Where each school stands with each check"),
      h(
        "thead",
        { role: "rowgroup" },
        h(
          "tr",
          { role: "row" },
          h("th", { scope: "col", role: "columnheader", class: "matrix-school" }, "School"),
          slugs.map((slug) =>
            h(
              "th",
              { scope: "col", role: "columnheader", class: "matrix-head" },
              h("span", null, titleOf(slug)),
            ),
          ),
        ),
      ),
      h("tbody", { role: "rowgroup" }, rows.map((row) => rowOf(row, slugs, titleOf))),
    ),
  );
}

/** @param {Row} row @param {string[]} slugs @param {(slug: string) => string} titleOf */
function rowOf(row, slugs, titleOf) {
  const bySlug = new Map(row.checks.map((one) => [one.check, one]));
  return h(
    "tr",
    { role: "row", dataset: { school: row.school } },
    h(
      "th",
      { scope: "row", role: "rowheader", class: "matrix-school" },
      h("a", { class: "quiet clip", href: addressOf(row.school), dataset: { key: row.school } }, row.name),
      h("span", { class: "code clip" }, row.school),
      h("span", { class: "fine matrix-sum" }, sumOf(row.checks)),
    ),
    slugs.map((slug) => cellOf(row, titleOf(slug), bySlug.get(slug))),
  );
}

/** @param {Row} row @param {string} title @param {Standing|undefined} one */
function cellOf(row, title, one) {
  if (!one) return h("td", { role: "cell", class: "matrix-cell none" }, hidden("not asked"));
  return h(
    "td",
    { role: "cell", class: "matrix-cell", dataset: { standing: one.verdict, verdict: colourOf(one) } },
    h(
      "a",
      {
        href: addressOf(row.school, one.check),
        title: `${title}: ${inShort(one)}`,
        class: one.waived ? "mark waived" : "mark",
        dataset: { key: `${row.school}:${one.check}` },
      },
      standingIcon(one),
      h("span", { class: "mark-name" }, title),
      hidden(` at ${row.school}: ${inShort(one)}`),
    ),
  );
}

/** How many stand how, from worst to best. @param {Standing[]} checks @returns {string} */
function sumOf(checks) {
  const counts = new Map();
  for (const one of checks) counts.set(one.verdict, (counts.get(one.verdict) ?? 0) + 1);
  const sorted = [...counts].sort((a, b) => standingRank(a[0]) - standingRank(b[0]));
  return listed(sorted.map(([verdict, count]) => `${count} ${standingWord(verdict).toLowerCase()}`));
}
