// One row of the board: a table row that becomes a card where the screen is narrow.

import { against, day, plural, short } from "../dates.js";
import { h, hidden } from "../dom.js";
import { icon } from "../icons.js";
import { streamShort, streamWord, verdictWord } from "../words.js";

/** A verdict as colour, shape and word. @param {string} verdict @returns {HTMLElement} */
export function badge(verdict) {
  return h("span", { class: "badge", dataset: { verdict } }, icon(verdict), verdictWord(verdict));
}

/**
 * @param {import("./model.js").Row} row @param {string[]} streams @param {number} index
 * @returns {HTMLElement}
 */
export function rowOf(row, streams, index) {
  return h(
    "tr",
    // Rows are drawn as needed, so their true place has to be said. The header is row 1.
    { role: "row", "aria-rowindex": index + 2, dataset: { index, verdict: row.verdict } },
    h(
      "th",
      { role: "rowheader", scope: "row", class: "col-school" },
      h(
        "a",
        {
          href: `/schools/${encodeURIComponent(row.school.code)}`,
          title: row.school.name,
          tabindex: -1,
        },
        row.school.name,
      ),
      h("span", { class: "code" }, row.school.code),
    ),
    h(
      "td",
      { role: "cell", class: "col-network" },
      h("span", { class: "clip", title: row.network.name }, row.network.name),
      row.wave && h("span", { class: "fine clip", title: row.wave }, waveWord(row.wave)),
    ),
    streams.map((slug) => streamCell(row.streams?.get(slug), slug)),
    h("td", { role: "cell", class: "col-verdict" }, badge(row.verdict)),
    h(
      "td",
      { role: "cell", class: "col-percent num" },
      row.percent === null ? [
        h("span", { "aria-hidden": "true" }, "–"),
        hidden("no gates"),
      ] : `${row.percent}%`,
    ),
    h("td", { role: "cell", class: "col-ready" }, readyOf(row)),
  );
}

/** `A` says nothing without its kind, `Summer pilots` does. @param {string} wave */
function waveWord(wave) {
  return wave.length <= 3 ? `Wave ${wave}` : wave;
}

/** @param {import("./model.js").Stream|undefined} stream @param {string} slug */
function streamCell(stream, slug) {
  const name = h("span", { class: "cell-name", "aria-hidden": "true" }, streamShort(slug));
  if (!stream) {
    return h(
      "td",
      { role: "cell", class: "col-stream none" },
      name,
      h("span", { class: "fine" }, "none"),
    );
  }
  const { satisfied, total } = stream.gates;
  const known = total > 0;
  return h(
    "td",
    { role: "cell", class: "col-stream", dataset: { verdict: stream.verdict } },
    name,
    h(
      "span",
      { class: "chip", title: `${streamWord(slug)}: ${verdictWord(stream.verdict)}` },
      icon(stream.verdict),
      hidden(`${verdictWord(stream.verdict)}, `),
      known ? h("span", { class: "num" }, `${satisfied}/${total}`) : h("span", null, "no gates"),
      known && h("span", { class: "num part" }, `${stream.percent ?? 0}%`),
    ),
  );
}

/** The same where there is little room. @param {import("./model.js").Row} row */
function spare(row) {
  const ready = day(row.ready_on);
  const bell = day(row.first_bell);
  if (ready === null || bell === null) return "no first bell";
  if (ready >= bell) return ready === bell ? "on first bell" : `${plural(ready - bell, "day")} late`;
  return `${plural(row.float_days ?? bell - ready, "day")} to spare`;
}

/** @param {import("./model.js").Row} row */
function readyOf(row) {
  const bell = row.first_bell ? `First bell ${short(row.first_bell)}` : "No first bell yet";
  if (row.verdict === "ready") {
    return [h("b", null, "Now"), h("span", { class: "fine clip" }, bell)];
  }
  if (!row.ready_on) return [h("span", null, "Not known"), h("span", { class: "fine clip" }, bell)];
  const late = row.float_days !== null && row.float_days < 0;
  return [
    h("b", { class: "num", title: bell }, short(row.ready_on)),
    h(
      "span",
      { class: late ? "fine clip is-late" : "fine clip", title: bell },
      h(
        "span",
        { class: "in-full" },
        row.first_bell ? against(
          row.ready_on,
          row.first_bell,
          row.float_days,
        ) : "no first bell yet",
      ),
      h("span", { class: "in-short" }, spare(row)),
    ),
  ];
}
