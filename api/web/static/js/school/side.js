// Beside the blockers: what decides the date, what to start next, waivers, what was said before.

import { day, moment, range, short, withoutYears } from "../dates.js";
import { h, s } from "../dom.js";
import { may } from "../session.js";
import { verdictWord } from "../words.js";
import { decideWaiver } from "./acts.js";

/** @typedef {(task: string) => void} OpenTask */

/** @param {import("./data.js").School} school @param {OpenTask} openTask */
export function criticalPath({ answer, tasks }, openTask) {
  if (!answer.critical_path.length) return null;
  return h(
    "section",
    { class: "panel", "aria-labelledby": "path-title" },
    h("h2", { id: "path-title" }, "What decides the date"),
    h(
      "ol",
      { class: "path" },
      answer.critical_path.map((/** @type {any} */ step) =>
        h(
          "li",
          null,
          h(
            "button",
            {
              type: "button",
              class: "inline",
              onclick: () => openTask(step.task_id),
              dataset: { key: `path:${step.task_id}` },
            },
            tasks.get(step.task_id)?.title ?? step.key,
          ),
          h("span", { class: "num when" }, range(step.start, step.finish)),
          !step.reason.startsWith("after ") && h("span", { class: "fine" }, withoutYears(step.reason)),
        ),
      ),
    ),
  );
}

/** @param {import("./data.js").School} school @param {OpenTask} openTask */
export function nextActions({ answer, graph }, openTask) {
  if (!answer.next_actions.length) return null;
  const today = day(graph.today);
  return h(
    "section",
    { class: "panel", "aria-labelledby": "next-title" },
    h("h2", { id: "next-title" }, "Start next"),
    h(
      "ol",
      { class: "next" },
      answer.next_actions.map((/** @type {any} */ action) => {
        const by = day(action.do_by);
        const overdue = by !== null && today !== null && by < today;
        return h(
          "li",
          null,
          h(
            "span",
            { class: overdue ? "num when is-late" : "num when" },
            by === null ? "No date" : short(by),
          ),
          h(
            "button",
            {
              type: "button",
              class: "inline",
              onclick: () => openTask(action.task_id),
              dataset: { key: `next:${action.task_id}` },
            },
            action.title,
          ),
        );
      }),
    ),
    h("p", { class: "fine" }, "The last day to start without being late."),
  );
}

/** @param {import("./data.js").School} school @param {OpenTask} openTask @param {() => void} changed */
export function waivers({ answer, tasks }, openTask, changed) {
  if (!answer.waivers.length) return null;
  return h(
    "section",
    { class: "panel", "aria-labelledby": "waivers-title" },
    h("h2", { id: "waivers-title" }, "Waivers"),
    h(
      "ul",
      { class: "waivers" },
      answer.waivers.map((/** @type {any} */ waiver) => {
        const trouble = h("div", null);
        const revoke = async () => {
          if (await decideWaiver(waiver.id, "revoke", trouble)) changed();
        };
        return h(
          "li",
          null,
          h(
            "button",
            { type: "button", class: "inline", onclick: () => openTask(waiver.task_id) },
            tasks.get(waiver.task_id)?.title ?? "Task",
          ),
          h("p", null, waiver.reason),
          h(
            "p",
            { class: "fine" },
            waiver.expires_on ? `Until ${short(waiver.expires_on)}` : "Without end",
          ),
          may("tasks:act") && h(
            "button",
            {
              type: "button",
              class: "button small",
              onclick: revoke,
              dataset: { key: `revoke:${waiver.id}` },
            },
            "Revoke",
          ),
          trouble,
        );
      }),
    ),
  );
}

/** @param {import("./data.js").School} school */
export function saidBefore({ history }) {
  if (!history.length) return null;
  const newest = [...history].sort((a, b) => (a.said_at < b.said_at ? 1 : -1));
  const turns = newest.filter(
    (said, index) => said.verdict !== newest[index + 1]?.verdict || said.ready_on !== newest[index + 1]?.ready_on,
  );
  return h(
    "section",
    { class: "panel", "aria-labelledby": "said-title" },
    h("h2", { id: "said-title" }, "What FirstBell said"),
    sparkline([...newest].reverse()),
    h(
      "ul",
      { class: "said" },
      turns.slice(0, 5).map((said) =>
        h(
          "li",
          null,
          h("span", { class: "fine num when" }, moment(said.said_at)),
          h(
            "span",
            null,
            verdictWord(said.verdict),
            said.ready_on && said.verdict !== "ready" ? `, ready on ${short(said.ready_on)}` : "",
          ),
        ),
      ),
    ),
  );
}

/** Percent of the gates over time. @param {any[]} said oldest first */
function sparkline(said) {
  const points = said.filter((one) => one.percent !== null);
  if (points.length < 2) return null;
  const from = Date.parse(points[0].said_at);
  const span = Date.parse(points[points.length - 1].said_at) - from || 1;
  const at = points.map(
    (one) => [((Date.parse(one.said_at) - from) / span) * 296 + 2, 42 - one.percent * 0.4],
  );
  const [x, y] = at[at.length - 1];
  // A percentage holds until the next answer: steps, not slopes.
  const line = at.map(
    ([px, py], index) => (
      index ? `H${px.toFixed(1)}V${py.toFixed(1)}` : `M${px.toFixed(1)} ${py.toFixed(1)}`
    ),
  ).join("");
  return s(
    "svg",
    {
      class: "spark",
      viewBox: "0 0 300 44",
      role: "img",
      "aria-label": `Gates satisfied: from ${points[0].percent}% to ${points[points.length - 1].percent}%`,
    },
    s("path", { d: "M0 42H300", class: "spark-base" }),
    s("path", { d: line, class: "spark-line" }),
    s("circle", { cx: x, cy: y, r: 2.5, class: "spark-end" }),
  );
}
