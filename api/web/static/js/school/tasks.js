// Every task as a table: the same facts as the drawings, for reading and for screen readers.

import { range, short } from "../dates.js";
import { h, show } from "../dom.js";
import { icon } from "../icons.js";
import { orderStreams, sentence, streamWord } from "../words.js";

/**
 * @param {import("./data.js").School} school
 * @param {{satisfied: boolean, stream: string, gates: boolean}} options kept over redraws
 * @param {(task: string) => void} openTask @returns {HTMLElement}
 */
export function taskList(school, options, openTask) {
  const place = h(
    "div",
    { class: "table-scroll", tabindex: 0, role: "region", "aria-label": "Tasks" },
  );
  const draw = () => show(place, tableOf(chosen(school.graph.tasks, options), openTask));
  const stream = /** @type {HTMLSelectElement} */ (
    h("select", { id: "task-stream", onchange: () => { options.stream = stream.value; draw(); } },
      h("option", { value: "" }, "All workstreams"),
      orderStreams(school.graph.tasks.map((task) => task.workstream)).map((slug) => h("option", { value: slug, selected: slug === options.stream }, streamWord(slug))))
  );
  const gates = /** @type {HTMLInputElement} */ (
    h(
      "input",
      {
        type: "checkbox",
        checked: options.gates,
        onchange: () => { options.gates = gates.checked; draw(); },
      },
    )
  );
  draw();
  return h(
    "div",
    null,
    h(
      "div",
      { class: "controls" },
      h("div", { class: "control" }, h("label", { for: "task-stream" }, "Workstream"), stream),
      h("label", { class: "check" }, gates, "Gates only"),
    ),
    place,
  );
}

/** @param {import("./data.js").Task[]} tasks @param {{satisfied: boolean, stream: string, gates: boolean}} options */
function chosen(tasks, options) {
  const by = (
    /** @type {import("./data.js").Task} */ task,
  ) => task.late_finish ?? task.planned_finish ?? "9999";
  return tasks
    .filter(
      (task) => (options.satisfied || !task.satisfied) && (
        !options.stream || task.workstream === options.stream
      ) && (!options.gates || task.gate),
    )
    .sort(
      (a, b) => Number(a.satisfied) - Number(b.satisfied) || (
        by(a) < by(b) ? -1 : by(a) > by(b) ? 1 : 0
      ),
    );
}

/** @param {import("./data.js").Task[]} tasks @param {(task: string) => void} openTask */
function tableOf(tasks, openTask) {
  if (!tasks.length) return h("p", { class: "fine" }, "No task matches.");
  const head = [
    "Task",
    "Workstream",
    "Status",
    "Owner",
    "Evidence",
    "Forecast",
    "Finish by",
    "Float",
  ];
  return h(
    "table",
    { class: "tasks" },
    h("thead", null, h("tr", null, head.map((name) => h("th", { scope: "col" }, name)))),
    h("tbody", null, tasks.map((task) => h(
      "tr",
      { class: task.critical ? "critical" : null },
      h(
        "th",
        { scope: "row" },
        h(
          "button",
          {
            type: "button",
            class: "inline",
            onclick: () => openTask(task.id),
            dataset: { key: `task:${task.id}` },
          },
          task.title,
        ),
        task.gate && [icon("gate", "gate-mark"), h("span", { class: "sr" }, "gate")],
      ),
      h("td", null, streamWord(task.workstream)),
      h(
        "td",
        null,
        h(
          "span",
          { class: "status" },
          icon(
            task.satisfied ? "done" : task.status,
            `status-${task.satisfied ? "done" : task.status}`,
          ),
          statusWord(task),
        ),
      ),
      h("td", { class: task.owner_email ? null : "nobody" }, task.owner_email ?? "nobody"),
      h(
        "td",
        { class: "num" },
        task.progress_total === null ? "" : `${task.progress_done} / ${task.progress_total}`,
      ),
      h("td", { class: "num" }, task.finish ? range(task.start, task.finish) : ""),
      h("td", { class: "num" }, short(task.late_finish)),
      h("td", { class: (task.float_days ?? 0) < 0 ? "num is-late" : "num" }, task.float_days ?? ""),
    ))),
  );
}

/** @param {import("./data.js").Task} task */
function statusWord(task) {
  if (task.satisfied && task.status !== "done" && task.status !== "skipped") return "Waived";
  return sentence(task.status);
}
