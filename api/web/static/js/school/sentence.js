// The verdict in one sentence, with the chain of reasons behind its date. Pure: it answers parts,
// a string or a task to be named, and the page decides how a task is shown.

import { day, plural, short, withoutYears } from "../dates.js";

/** @typedef {string|{task: string, title: string}} Part */

const MOST_STEPS = 4;

/**
 * @param {any} answer the readiness document @param {Map<string, any>} tasks the graph's, by id
 * @param {number} today the school's
 * @returns {Part[]}
 */
export function verdictSentence(answer, tasks, today) {
  const name = answer.school.name;
  const bell = answer.rollout?.first_bell ?? null;
  const { ready_on: readyOn, float_days: float } = answer.forecast;
  const opened = bell !== null && today >= (day(bell) ?? 0);
  const because = chain(answer, tasks);
  switch (answer.verdict) {
    case "unplanned":
      return [`${name} has no plan yet: no task says what must be done before first bell.`];
    case "unscheduled":
      return [`${name} has no first bell yet; `, ...undated(readyOn, because)];
    case "ready":
      return [
        `${name} ${opened ? "is open and ready" : `is ready for its first bell on ${short(bell)}`}: ${gates(answer)}.`,
      ];
    case "lapsed":
      return [
        `${name} was ready when it opened, but no longer is, and will be again on ${short(readyOn)}`,
        ...link(because),
      ];
    case "late":
      return opened
        ? [
          `${name} opened on ${short(bell)} without being ready and will be on ${short(readyOn)}`,
          ...link(because),
        ]
        : [
          `${name} will be ready on ${short(readyOn)}, ${afterBell(readyOn, bell)}`,
          ...link(because),
        ];
    case "at_risk":
      return [
        `${name} will be ready on ${short(readyOn)}, with ${float === 0 ? "no day" : `only ${plural(float ?? 0, "working day")}`} to spare before first bell on ${short(bell)}`,
        ...link(because),
      ];
    default:
      return [
        `${name} will be ready on ${short(readyOn)}, with ${plural(float ?? 0, "working day")} to spare before first bell on ${short(bell)}`,
        ...(because.length ? ["; the date is decided by ", ...naming(answer, tasks), "."] : ["."]),
      ];
  }
}

/** @param {string|null} readyOn @param {string|null} bell */
function afterBell(readyOn, bell) {
  const days = (day(readyOn) ?? 0) - (day(bell) ?? 0);
  if (days === 0) return "the very day of its first bell and so too late";
  return `${plural(days, "day")} after its first bell on ${short(bell)}`;
}

/** @param {any} answer */
function gates(answer) {
  const { total, waived } = answer.gates;
  const all = total === 1 ? "its one gate is satisfied" : `all ${total} gates are satisfied`;
  return waived ? `${all}, ${waived} of them by waiver` : all;
}

/** @param {string|null} readyOn @param {Part[]} because */
function undated(readyOn, because) {
  if (!readyOn) return ["nothing can be forecast."];
  return [`it could be ready on ${short(readyOn)}`, ...link(because)];
}

/** @param {Part[]} because @returns {Part[]} */
function link(because) {
  return because.length ? [", because ", ...because, "."] : ["."];
}

/** @param {any} step @param {Map<string, any>} tasks @returns {Part} */
function named(step, tasks) {
  return { task: step.task_id, title: tasks.get(step.task_id)?.title ?? step.title ?? step.key };
}

/** @param {any} answer @param {Map<string, any>} tasks @returns {Part[]} */
function chain(answer, tasks) {
  const path = answer.critical_path ?? [];
  if (!path.length) return [];
  return [...cause(path[0], tasks), ...rest(path, tasks)];
}

/** For a school on track nothing is a reason; the chain only says what to watch. */
function naming(/** @type {any} */ answer, /** @type {Map<string, any>} */ tasks) {
  const path = answer.critical_path;
  return [named(path[0], tasks), ...rest(path, tasks)];
}

/** What follows the first step: the next ones and always the last. */
function rest(/** @type {any[]} */ path, /** @type {Map<string, any>} */ tasks) {
  const steps = path.slice(1);
  /** @type {Part[]} */
  const parts = [];
  const skipped = steps.length - MOST_STEPS;
  steps.forEach((step, index) => {
    const last = index === steps.length - 1;
    if (skipped > 0 && index >= MOST_STEPS - 1 && !last) {
      if (index === MOST_STEPS - 1) parts.push(`, ${plural(skipped, "more step")}`);
      return;
    }
    parts.push(glue(index, last), named(step, tasks));
  });
  return parts;
}

/** @param {number} index @param {boolean} last */
function glue(index, last) {
  if (index === 0) return ", then ";
  return last ? " and at last " : ", ";
}

/** How the first step of the chain came to be where it is. */
function cause(/** @type {any} */ step, /** @type {Map<string, any>} */ tasks) {
  const task = named(step, tasks);
  const reason = withoutYears(String(step.reason ?? ""));
  /** @type {[RegExp, (found: RegExpExecArray) => Part[]][]} */
  const phrases = [
    [/^promised (.+)$/, (found) => [task, ` is promised for ${found[1]}`]],
    [/^promise broken/, () => ["the promise for ", task, " was broken and there is no new date"]],
    [/^lead time (.+)$/, (found) => [task, ` has a lead time of ${found[1]}`]],
    [/^not before (.+)$/, (found) => [task, ` cannot start before ${found[1]}`]],
    [
      /^in progress since (.+)$/,
      (found) => [task, ` is in progress since ${found[1]} and takes until ${short(step.finish)}`],
    ],
    [/^renewal from (.+)$/, (found) => [task, ` has to be renewed from ${found[1]}`]],
    [/^starts today$/, () => [task, ` has not started and takes until ${short(step.finish)}`]],
    [
      /^starts (.+)$/,
      (found) => [task, ` can start on ${found[1]} and takes until ${short(step.finish)}`],
    ],
  ];
  for (const [pattern, phrase] of phrases) {
    const found = pattern.exec(reason);
    if (found) return phrase(found);
  }
  return reason ? [task, ` stands at ${reason}`] : [task, ` takes until ${short(step.finish)}`];
}
