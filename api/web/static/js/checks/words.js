// How checks stand, in words, colours and amounts.

import { h } from "../dom.js";
import { icon } from "../icons.js";
import { sentence } from "../words.js";

/** From worst to best; lists are in this order. */
export const STANDINGS = [
  "failed",
  "stale",
  "inconclusive",
  "scheduled",
  "not_started",
  "passed",
  "not_applicable",
];

/** @type {Record<string, string>} */
const WORDS = { not_started: "Not measured", scheduled: "Re-test planned", stale: "Out of date" };

/** The colours and icons of verdicts, lent to standings. @type {Record<string, [string, string]>} */
const LOOKS = {
  failed: ["late", "late"],
  stale: ["lapsed", "lapsed"],
  inconclusive: ["at_risk", "at_risk"],
  scheduled: ["on_track", "unscheduled"],
  not_started: ["unscheduled", "pending"],
  passed: ["ready", "ready"],
  not_applicable: ["unplanned", "cancelled"],
};

/** @typedef {{check: string, severity: string, verdict: string, outcome: string|null,
 *   value: number|null, unit: string, needed: number|null, measured_at: string|null,
 *   valid_until: string|null, retest_on: string|null, task_id: string|null, waived: boolean}} Standing
 */

/** @param {string} verdict @returns {string} */
export function standingWord(verdict) {
  return WORDS[verdict] ?? sentence(verdict);
}

/** @param {string} verdict @returns {number} smaller is worse */
export function standingRank(verdict) {
  const rank = STANDINGS.indexOf(verdict);
  return rank < 0 ? STANDINGS.length : rank;
}

/** The verdict whose colour a standing has; a warning is never as red as a gate. @param {Standing} one */
export function colourOf({ verdict, severity }) {
  if (verdict === "failed" && severity === "warning") return "at_risk";
  return LOOKS[verdict]?.[0] ?? "unscheduled";
}

/** @param {Standing} one @returns {SVGElement} */
export function standingIcon(one) {
  const colour = colourOf(one);
  return icon(colour === "at_risk" ? "at_risk" : (LOOKS[one.verdict]?.[1] ?? "pending"));
}

/** @param {Standing} one @returns {HTMLElement} */
export function standingBadge(one) {
  return h(
    "span",
    { class: "badge", dataset: { verdict: colourOf(one) } },
    standingIcon(one),
    standingWord(one.verdict),
  );
}

/** @param {string} outcome of one result @returns {string} the verdict whose colour it has */
export function outcomeColour(outcome) {
  return LOOKS[outcome]?.[0] ?? "unscheduled";
}

/** @param {string} outcome of one result @returns {HTMLElement} */
export function outcomeBadge(outcome) {
  const looks = LOOKS[outcome] ?? LOOKS.inconclusive;
  return h("span", { class: "badge", dataset: { verdict: looks[0] } }, icon(looks[1]), standingWord(outcome));
}

/** @param {number|null} value @param {string} unit @returns {string} `1,720 Mbps`, `98.5 %` */
export function amount(value, unit) {
  if (value === null) return "–";
  const digits = Math.abs(value) >= 10 ? 1 : 3;
  const text = value.toLocaleString("en", { maximumFractionDigits: digits });
  return `${text} ${unit === "percent" ? "%" : unit}`;
}

/** @param {Standing} one @returns {string} for a title and for screen readers */
export function inShort(one) {
  const measured = one.value === null ? "" : `, ${amount(one.value, one.unit)}`;
  const wanted = one.needed === null ? "" : ` (${amount(one.needed, one.unit)} asked)`;
  const more = `${one.severity === "warning" ? ", a warning" : ""}${one.waived ? ", waived" : ""}`;
  return `${standingWord(one.verdict)}${measured}${wanted}${more}`;
}

/** @param {string} school @param {string} [check] @returns {string} */
export function addressOf(school, check) {
  const path = `/checks/${encodeURIComponent(school)}`;
  return check ? `${path}/${encodeURIComponent(check)}` : path;
}
