// What a run did, would do, or is not allowed to do yet.

import { call, isAbort } from "../api.js";
import { plural } from "../dates.js";
import { h, show } from "../dom.js";
import { figure, stateBadge, tableOf } from "../orders/parts.js";
import { problemBox } from "../problems.js";
import { whoami } from "../session.js";
import { sentence } from "../words.js";
import { isMoving } from "./follow.js";

const COUNTS = ["created", "updated", "unchanged", "missing", "restored", "rejected"];
const SAMPLES = ["created", "updated", "missing"];
const ISSUES = 50;

/** @type {Record<string, (one: any) => string>} */
const REASONS = {
  "too-many-missing": (one) =>
    `${figure(one.count)} of ${figure(one.of)} students would be missing, more than ${one.limit} %.`,
  "too-many-changed": (one) =>
    `${figure(one.count)} of ${figure(one.of)} students would change, more than ${one.limit} %.`,
  "too-many-missing-at-school": (one) =>
    `At ${one.school} ${figure(one.count)} of ${figure(one.of)} would be missing.`,
  "school-gone": (one) => `The file names nobody at ${one.school}, which had ${figure(one.of)}.`,
};

/**
 * A run in full.
 * @param {any} run @param {import("../dom.js").Child} acts what can be done with it now
 * @param {"h2"|"h3"} heading what its parts are headed by, below the heading above them
 * @returns {import("../dom.js").Child[]}
 */
export function partsOfRun(run, acts, heading) {
  return [
    h(
      "div",
      { class: "run-head" },
      stateBadge(run.undo?.state === "running" ? "running" : run.state),
      h("span", { class: "fine" }, describe(run)),
      h("div", { class: "acts" }, acts),
    ),
    isMoving(run) && h("progress", { max: 100, value: run.percent, "aria-label": "How far it is" }),
    run.problem && h("p", { class: "problem" }, run.problem.detail),
    run.held_reasons.length > 0 && reasonsOf(run, heading),
    run.undo && run.undo.state === "done" && h("p", null, undone(run.undo)),
    countsOf(run.rows),
    SAMPLES.map((kind) => samplesOf(kind, run.samples[kind] ?? [], run.rows, heading)),
  ];
}

/** What a screen reader is told when a run's state changes. @param {any} run */
export function spoken(run) {
  if (isMoving(run)) return "It is being worked on.";
  const said = COUNTS.filter((name) => run.rows[name]).map((name) => `${run.rows[name]} ${name}`);
  return `${sentence(run.state)}: ${said.join(", ") || "nothing"}.`;
}

/** @param {any} run */
function describe(run) {
  return [
    run.network,
    `source ${run.source}`,
    run.format,
    run.snapshot === "full" ? "names every student" : run.snapshot && "changes only",
    run.mode === "dry_run" && "preview",
  ].filter(Boolean).join(", ");
}

/** @param {any} run @param {string} heading */
function reasonsOf(run, heading) {
  const waits = run.state === "held";
  return h(
    "div",
    { class: "notice" },
    h(
      "div",
      { class: "reasons" },
      h(heading, null, waits ? "Held until somebody approves it" : "It would be held"),
      h("ul", null, run.held_reasons.map((/** @type {any} */ one) => h("li", null, reason(one)))),
    ),
  );
}

/** @param {any} one */
function reason(one) {
  return REASONS[one.code]?.(one) ?? sentence(one.code.replaceAll("-", "_"));
}

/** @param {any} undo */
function undone(undo) {
  const kept = undo.kept ? ` ${figure(undo.kept)} kept, edited since.` : "";
  const failed = undo.failed ? ` ${figure(undo.failed)} could not be put back.` : "";
  return `${plural(undo.reversed, "account")} put back.${kept}${failed}`;
}

/** @param {any} rows */
function countsOf(rows) {
  return h(
    "dl",
    { class: "counts" },
    COUNTS.filter((name) => rows[name] > 0 || name !== "restored").map((name) =>
      h(
        "div",
        { class: name === "rejected" && rows[name] > 0 ? "is-late" : null },
        h("dt", null, sentence(name)),
        h("dd", { class: "num" }, figure(rows[name])),
      ),
    ),
  );
}

/** @param {string} kind @param {any[]} some @param {any} rows @param {string} heading */
function samplesOf(kind, some, rows, heading) {
  if (!some.length) return null;
  // Who may not see names is shown no empty columns for them.
  const named = some.some((one) => one.username);
  const changed = some.some((one) => one.changes);
  const heads = ["Student", "School", "Grade", named && "Username", changed && "Changes"];
  const columns = heads.filter(Boolean).map((head) => ({ head: String(head) }));
  const shown = some.map((one) => ({
    cells: [
      [one.sourced_id, one.given_name && h("span", { class: "fine clip" }, nameOf(one))],
      one.school ?? "–",
      gradeOf(one.grade),
      ...(named ? [one.username ?? "–"] : []),
      ...(changed ? [changesOf(one.changes)] : []),
    ],
  }));
  const title = `${sentence(kind)}: the first ${some.length} of ${figure(rows[kind])}`;
  return [h(heading, null, title), tableOf(title, columns, shown)];
}

/** @param {any} one */
function nameOf(one) {
  return `${one.given_name} ${one.family_name}`;
}

/** @param {number|null|undefined} grade */
function gradeOf(grade) {
  if (grade === null || grade === undefined) return "–";
  return { "-1": "PK", 0: "K" }[grade] ?? String(grade);
}

/** @param {Record<string, [any, any]>|undefined} changes */
function changesOf(changes) {
  if (!changes) return "–";
  const said = Object.entries(changes)
    .filter(([name]) => name !== "school_id")
    .map(([name, [before, after]]) => `${name.replaceAll("_", " ")}: ${before} → ${after}`);
  if ("school_id" in changes) said.push("school");
  return said.join(", ") || "–";
}

/**
 * The rejected rows with their reasons, and all of them as a file to correct.
 * @param {any} run @param {HTMLElement} place @param {AbortSignal} signal
 */
export async function showIssues(run, place, signal) {
  if (isMoving(run) || !run.rows.rejected) {
    show(place);
    return;
  }
  const path = `/v1/account-imports/${run.id}/issues`;
  try {
    const { data } = await call("GET", `${path}?limit=${ISSUES}`, { signal });
    const columns = ["Row", "Column", "Code", "Got", "Expected"].map((head) => ({ head }));
    const rows = data.items.map((/** @type {any} */ one) => ({
      cells: [
        one.file ? `${one.file}, ${one.row}` : String(one.row),
        one.column ?? "–",
        h("code", null, one.code),
        one.got ?? h("span", { class: "fine" }, "not shown"),
        one.expected,
      ],
    }));
    const left = run.rows.rejected - rows.length;
    show(
      place,
      h("h2", null, `${plural(run.rows.rejected, "row")} rejected`),
      tableOf("Rejected rows", columns, rows),
      left > 0 && h("p", { class: "fine" }, `and ${figure(left)} more`),
      // The rows themselves are names.
      whoami()?.sees_names && h(
        "p",
        null,
        h(
          "a",
          { class: "button", href: `${path}?format=csv`, download: `rejected-${run.id}.csv` },
          "Download them to correct",
        ),
      ),
    );
  } catch (error) {
    if (!isAbort(error)) show(place, problemBox(error));
  }
}
