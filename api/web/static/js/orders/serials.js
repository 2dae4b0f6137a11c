// Serial numbers of an order: announced, scanned, and where the two differ.

import { h } from "../dom.js";
import { figure, tableOf } from "./parts.js";

/** @param {any[]} lines @returns {HTMLElement|false} */
export function serialsOf(lines) {
  const known = lines.filter((line) => line.announced + line.scanned + line.returned > 0);
  if (!known.length) return false;
  const columns = [
    { head: "Line" },
    { head: "Ordered", number: true },
    { head: "Announced", number: true },
    { head: "Scanned", number: true },
    { head: "Sent back", number: true },
    { head: "Differences" },
  ];
  return h(
    "section",
    { class: "panel" },
    h("h2", null, "Serial numbers"),
    tableOf(
      "Serial numbers",
      columns,
      known.map((line) => ({
        cells: [
          line.sku,
          figure(line.ordered),
          figure(line.announced),
          figure(line.scanned),
          figure(line.returned),
          differencesOf(line),
        ],
      })),
    ),
  );
}

/** @param {any} line */
function differencesOf(line) {
  const lists = [
    ["announced and there, but not scanned", line.missing],
    ["scanned, but not announced", line.unexpected],
    ["more than once", line.repeated],
  ].filter(([, serials]) => serials.length > 0);
  if (!lists.length) return "None";
  return h(
    "div",
    { class: "differences" },
    lists.map(([what, serials]) =>
      h(
        "details",
        { class: "more" },
        h("summary", { class: "is-late", dataset: { key: `${what}:${line.sku}` } }, `${figure(serials.length)} ${what}`),
        h("p", { class: "code serials" }, serials.join(" ")),
      ),
    ),
  );
}
