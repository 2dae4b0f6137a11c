// The plan three ways: on a calendar, as a graph, as a list.

import { h, show } from "../dom.js";
import { ganttOf } from "./gantt.js";
import { graphOf } from "./graph.js";
import { taskList } from "./tasks.js";

const VIEWS = [
  ["timeline", "Timeline"],
  ["graph", "Graph"],
  ["tasks", "Tasks"],
];
// The style sheet's width of the names, and the borders.
const NAMES = { least: 10.5, share: 0.26, most: 17, borders: 3 };

/**
 * @typedef {{view: string, satisfied: boolean, stream: string, gates: boolean, scroll: number, width: number}} PlanOptions
 */

/**
 * @param {import("./data.js").School} school @param {PlanOptions} options kept over redraws
 * @param {(task: string) => void} openTask @param {() => void} noted told when the view changes
 * @returns {HTMLElement|null}
 */
export function planOf(school, options, openTask, noted) {
  if (!school.graph.tasks.length) return null;
  const panel = h(
    "div",
    { role: "tabpanel", id: "plan-panel", "aria-labelledby": `tab-${options.view}` },
  );
  const tabs = h("div", { role: "tablist", "aria-label": "The plan as", class: "tabs" });
  const satisfied = /** @type {HTMLInputElement} */ (
    h(
      "input",
      {
        type: "checkbox",
        checked: options.satisfied,
        onchange: () => { options.satisfied = satisfied.checked; draw(); },
      },
    )
  );
  const choose = (/** @type {string} */ view, focus = false) => {
    options.view = view;
    noted();
    drawTabs();
    draw();
    if (focus) document.getElementById(`tab-${view}`)?.focus();
  };
  const onkeydown = (/** @type {KeyboardEvent} */ event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const at = VIEWS.findIndex(([view]) => view === options.view);
    choose(VIEWS[(at + step + VIEWS.length) % VIEWS.length][0], true);
  };
  const drawTabs = () =>
    show(
      tabs,
      VIEWS.map(([view, label]) =>
        h(
          "button",
          {
            type: "button",
            role: "tab",
            id: `tab-${view}`,
            "aria-selected": String(view === options.view),
            "aria-controls": "plan-panel",
            tabindex: view === options.view ? 0 : -1,
            dataset: { key: `tab:${view}` },
            onclick: () => choose(view),
            onkeydown,
          },
          label,
        ),
      ),
    );
  const draw = () => {
    panel.setAttribute("aria-labelledby", `tab-${options.view}`);
    show(
      panel,
      options.view !== "tasks" && legend(options.view),
      drawing(school, options, openTask),
    );
    keepScroll(panel, options);
  };
  drawTabs();
  draw();
  // How wide it is shows once it is on the page, and changes with the window.
  new ResizeObserver(() => {
    const width = panel.clientWidth;
    if (!width || Math.abs(width - options.width) < 2) return;
    options.width = width;
    if (options.view === "timeline") draw();
  }).observe(panel);
  const count = school.graph.tasks.filter((task) => task.satisfied).length;
  return h(
    "section",
    { class: "panel plan", "aria-labelledby": "plan-title" },
    h(
      "div",
      { class: "plan-head" },
      h("h2", { id: "plan-title" }, "Plan"),
      tabs,
      h("label", { class: "check" }, satisfied, `Show satisfied (${count})`),
    ),
    panel,
  );
}

/** @param {import("./data.js").School} school @param {PlanOptions} options @param {(task: string) => void} openTask */
function drawing(school, options, openTask) {
  if (options.view === "graph") return graphOf(school, options, openTask);
  if (options.view === "tasks") return taskList(school, options, openTask);
  return ganttOf(school, { satisfied: options.satisfied, room: roomOf(options.width) }, openTask);
}

/** Pixels beside the names. @param {number} width of the panel */
function roomOf(width) {
  const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
  const names = Math.min(NAMES.most * rem, Math.max(NAMES.least * rem, NAMES.share * innerWidth));
  return Math.max(160, Math.floor(width - names - NAMES.borders));
}

/** A redraw after a live change must not jump back to the beginning. */
function keepScroll(/** @type {HTMLElement} */ panel, /** @type {PlanOptions} */ options) {
  const box = panel.querySelector(".gantt-scroll, .graph-scroll");
  if (!box) return;
  requestAnimationFrame(() => { box.scrollLeft = options.scroll; });
  box.addEventListener("scroll", () => { options.scroll = box.scrollLeft; }, { passive: true });
}

/** @param {string} view */
function legend(view) {
  const entries = view === "graph"
    ? [["critical", "Decides the date"], ["gate", "Gate"], ["satisfied", "Satisfied"]]
    : [
      ["critical", "Decides the date"],
      ["bar", "Other task"],
      ["float", "Float"],
      ["planned", "First plan"],
      ["over", "After first bell"],
    ];
  return h(
    "ul",
    { class: "legend" },
    entries.map(
      ([kind, label]) => h(
        "li",
        null,
        h("span", { class: `key key-${kind}`, "aria-hidden": "true" }),
        label,
      ),
    ),
  );
}
