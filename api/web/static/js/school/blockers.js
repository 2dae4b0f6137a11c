// What stands in the way, each with the button that acts.

import { short, withoutYears } from "../dates.js";
import { h } from "../dom.js";
import { icon } from "../icons.js";
import { streamWord } from "../words.js";
import { actsOf } from "./acts.js";
import { actButtons } from "./buttons.js";

const FIRST = 6;

/**
 * @param {import("./data.js").School} school @param {(task: string) => void} openTask
 * @param {() => void} changed @param {{all: boolean}} shown kept over redraws
 * @param {() => void} redraw @returns {HTMLElement}
 */
export function blockersOf(school, openTask, changed, shown, redraw) {
  const { blockers } = school.answer;
  const some = shown.all ? blockers : blockers.slice(0, FIRST);
  const more = () => {
    shown.all = true;
    redraw();
  };
  return h(
    "section",
    { class: "panel", "aria-labelledby": "blockers-title" },
    h(
      "h2",
      { id: "blockers-title" },
      "In the way",
      blockers.length > 0 && h("span", { class: "count-mark num" }, blockers.length),
    ),
    blockers.length === 0 && h(
      "p",
      { class: "fine" },
      "Nothing. Every gate is satisfied or has no plan.",
    ),
    h(
      "ol",
      { class: "blockers" },
      some.map((/** @type {any} */ blocker) => blockerOf(blocker, school, openTask, changed)),
    ),
    some.length < blockers.length &&
      h(
        "button",
        { type: "button", class: "button", onclick: more, dataset: { key: "more-blockers" } },
        `Show all ${blockers.length}`,
      ),
  );
}

/**
 * @param {any} blocker @param {import("./data.js").School} school
 * @param {(task: string) => void} openTask @param {() => void} changed
 */
function blockerOf(blocker, school, openTask, changed) {
  const task = school.tasks.get(blocker.task_id);
  const trouble = h("div", null);
  const late = task?.float_days !== null && task?.float_days !== undefined && task.float_days < 0;
  return h(
    "li",
    { class: "blocker", dataset: { late: late ? "" : null } },
    h(
      "div",
      { class: "blocker-main" },
      h(
        "h3",
        null,
        h(
          "button",
          {
            type: "button",
            class: "inline",
            onclick: () => openTask(blocker.task_id),
            dataset: { key: `open:${blocker.task_id}` },
          },
          blocker.title,
        ),
      ),
      h("p", { class: "why" }, capital(withoutYears(blocker.why))),
      h(
        "p",
        { class: "meta" },
        task && h("span", null, streamWord(task.workstream)),
        h(
          "span",
          { class: blocker.owner_email ? null : "nobody" },
          icon("person"),
          blocker.owner_email ?? "No owner",
        ),
        blocker.unblocks > 0 && h("span", null, `Holds up ${blocker.unblocks}`),
      ),
    ),
    h(
      "div",
      { class: "blocker-due" },
      blocker.must_finish_by && h("span", { class: "fine" }, "Finish by"),
      blocker.must_finish_by && h(
        "b",
        { class: late ? "num is-late" : "num" },
        short(blocker.must_finish_by, { weekday: true }),
      ),
    ),
    h(
      "div",
      { class: "blocker-acts" },
      task && actButtons(actsOf(task), blocker.title, trouble, changed, blocker.task_id),
      trouble,
    ),
  );
}

/** @param {string} text */
function capital(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
