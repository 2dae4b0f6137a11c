// What was measured of a check over time: drawn, and as a table.

import { moment } from "../dates.js";
import { h, s } from "../dom.js";
import { tableOf } from "../orders/parts.js";
import { sentence } from "../words.js";
import { amount, outcomeBadge, outcomeColour } from "./words.js";

/** @typedef {{id: string, value: number, unit: string, needed: number|null, outcome: string,
 *   measured_at: string, recorded_at: string, method: string, evidence: Record<string, unknown>,
 *   by: string, probe_report_id: string|null}} Result
 */

const WIDTH = 640;
const HEIGHT = 140;
const EDGE = 10;

/**
 * Values over time with what is needed today as a line; the table says the same in words.
 * @param {Result[]} results the newest first @param {number|null} needed
 */
export function chartOf(results, needed) {
  if (results.length < 2) return null;
  const times = results.map((one) => Date.parse(one.measured_at));
  const values = results.map((one) => one.value);
  const all = needed === null ? values : [...values, needed];
  const [x, y] = [scale(times, EDGE, WIDTH - EDGE), scale(all, HEIGHT - EDGE, EDGE)];
  const at = (/** @type {number} */ index) => `${x(times[index])},${y(values[index])}`;
  return s(
    "svg",
    { class: "over-time", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, "aria-hidden": "true" },
    needed !== null && s("path", { class: "needed", d: `M0 ${y(needed)}H${WIDTH}` }),
    s("polyline", { class: "values", points: results.map((_, index) => at(index)).join(" ") }),
    results.map((one, index) =>
      s("circle", {
        class: "value",
        cx: x(times[index]),
        cy: y(one.value),
        r: 4.5,
        dataset: { verdict: outcomeColour(one.outcome) },
      }),
    ),
  );
}

/**
 * @param {number[]} values @param {number} from where the least is drawn @param {number} to
 * @returns {(value: number) => number}
 */
function scale(values, from, to) {
  const least = Math.min(...values);
  const most = Math.max(...values);
  if (least === most) return () => (from + to) / 2;
  return (value) => Math.round((from + ((value - least) / (most - least)) * (to - from)) * 10) / 10;
}

/** @param {Result[]} results */
export function tableOfResults(results) {
  const columns = [
    { head: "Measured" },
    { head: "Value", number: true },
    { head: "Asked then", number: true },
    { head: "Was worth" },
    { head: "Evidence" },
  ];
  return tableOf("Results", columns, results.map((one) => ({ cells: cellsOf(one) })));
}

/** @param {Result} one */
function cellsOf(one) {
  return [
    [
      h("span", { class: "num" }, moment(one.measured_at)),
      h("span", { class: "fine clip" }, `by ${one.probe_report_id ? "the probe" : one.by}`),
    ],
    amount(one.value, one.unit),
    amount(one.needed, one.unit),
    outcomeBadge(one.outcome),
    evidenceOf(one.evidence),
  ];
}

/** @param {Record<string, unknown>} evidence */
function evidenceOf(evidence) {
  const told = Object.entries(evidence).filter(([, value]) => !isEmpty(value));
  if (!told.length) return h("span", { class: "fine" }, "None");
  return h(
    "dl",
    { class: "evidence-list" },
    told.map(([name, value]) =>
      h("div", null, h("dt", null, sentence(name)), h("dd", null, inWords(value))),
    ),
  );
}

/** @param {unknown} value */
function isEmpty(value) {
  if (value === null || value === "" || value === false) return true;
  return typeof value === "object" && Object.keys(/** @type {object} */ (value)).length === 0;
}

/** @param {any} value @returns {string} */
function inWords(value) {
  if (value === true) return "yes";
  if (Array.isArray(value)) return value.map(inWords).join(", ");
  if (typeof value === "object") {
    return Object.entries(value).map(([name, one]) => `${name}: ${inWords(one)}`).join(", ");
  }
  return typeof value === "number" ? value.toLocaleString("en") : String(value);
}
