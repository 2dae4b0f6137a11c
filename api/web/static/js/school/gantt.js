// The plan on a calendar: names on the left, bars in SVG on the right.

import { day, monthName, parts, range, short } from "../dates.js";
import { h, s } from "../dom.js";
import { icon } from "../icons.js";
import { orderStreams, streamWord } from "../words.js";

const ROW = 28;
const AXIS = 52;
const LEAST = 7;
const MOST = 26;
const BACK = 30;

/**
 * @typedef {import("./data.js").Task} Task
 * @typedef {{task: Task|null, label: string}} Line a task, or a workstream's heading
 * @typedef {{from: number, to: number, scale: number, width: number}} Axis
 */

/**
 * @param {import("./data.js").School} school @param {{satisfied: boolean, room: number}} options
 *   `room`: pixels there are for the bars @param {(task: string) => void} openTask
 * @returns {HTMLElement}
 */
export function ganttOf(school, options, openTask) {
  const lines = linesOf(school.graph.tasks, options.satisfied);
  if (!lines.length) return h(
    "p",
    { class: "fine" },
    "No open task. Show satisfied ones to see the plan.",
  );
  const today = day(school.graph.today) ?? 0;
  const bell = day(school.graph.first_bell);
  const axis = axisOf(lines, today, bell, options.room);
  const height = AXIS + lines.length * ROW + 8;
  const x = (/** @type {number} */ at) => (at - axis.from) * axis.scale;
  const chart = s(
    "svg",
    {
      class: "gantt-chart",
      width: axis.width,
      height,
      viewBox: `0 0 ${axis.width} ${height}`,
      role: "img",
      "aria-label": describe(school),
    },
    grid(axis, height, x),
    lines.map(
      (line, index) => line.task === null && s(
        "rect",
        { x: 0, y: AXIS + index * ROW, width: axis.width, height: ROW, class: "g-heading" },
      ),
    ),
    links(school, lines, x),
    lines.map(
      (line, index) => line.task && bars(line.task, AXIS + index * ROW, x, axis, bell, openTask),
    ),
    mark(x(today), height, "today", "Today"),
    bell !== null && mark(x(bell), height, "bell", `First bell ${short(bell)}`, axis.width),
  );
  return h(
    "div",
    { class: "gantt" },
    h(
      "ul",
      { class: "gantt-names" },
      h("li", { class: "gantt-axis", "aria-hidden": "true" }),
      lines.map((line) => nameOf(line, openTask)),
    ),
    h(
      "div",
      {
        class: "gantt-scroll",
        tabindex: 0,
        role: "region",
        "aria-label": "Timeline, scrolls sideways",
      },
      chart,
    ),
  );
}

/** @param {Task[]} tasks @param {boolean} satisfied @returns {Line[]} */
function linesOf(tasks, satisfied) {
  const shown = tasks.filter(
    (task) => (task.satisfied ? satisfied : task.finish || task.planned_finish),
  );
  const at = (/** @type {Task} */ task) => day(
    task.start ?? task.planned_start ?? task.finish ?? task.planned_finish,
  ) ?? 0;
  return orderStreams(shown.map((task) => task.workstream)).flatMap((slug) => [
    { task: null, label: streamWord(slug) },
    ...shown
      .filter((task) => task.workstream === slug)
      .sort((a, b) => at(a) - at(b) || a.title.localeCompare(b.title))
      .map((task) => ({ task, label: task.title })),
  ]);
}

/** @param {Line[]} lines @param {number} today @param {number|null} bell @param {number} room @returns {Axis} */
function axisOf(lines, today, bell, room) {
  const days = lines.flatMap(
    ({ task }) => (task ? [task.start, task.finish, task.planned_start, task.planned_finish] : []),
  ).map((text) => day(text)).filter((at) => at !== null);
  const known = [...days, today, ...(bell === null ? [] : [bell])];
  const earliest = Math.min(...known);
  // A plan that began long ago would push the present off the screen.
  const from = Math.max(
    earliest,
    Math.min(
      today,
      ...lines.flatMap(({ task }) => (task?.start ? [day(task.start) ?? today] : [])),
    ) - BACK,
  ) - 2;
  const to = Math.max(...known) + 9;
  const scale = Math.max(LEAST, Math.min(MOST, room / (to - from)));
  // A short plan leaves room: the calendar goes on to the edge.
  const shown = Math.max(to - from, Math.ceil(room / scale));
  return { from, to: from + shown, scale, width: Math.max(room, Math.floor((to - from) * scale)) };
}

/** @param {Axis} axis @param {number} height @param {(at: number) => number} x */
function grid(axis, height, x) {
  const shapes = [];
  for (let at = axis.from; at < axis.to; at += 1) {
    const { weekday, date } = parts(at);
    if (weekday === 6) shapes.push(
      s(
        "rect",
        { x: x(at), y: AXIS, width: axis.scale * 2, height: height - AXIS, class: "g-weekend" },
      ),
    );
    if (weekday === 1) shapes.push(s("text", { x: x(at) + 2, y: AXIS - 6, class: "g-week" }, date));
    if (date === 1 || at === axis.from) {
      if (date === 1) shapes.push(s("path", { d: `M${x(at)} 0V${height}`, class: "g-month-line" }));
      if (date <= 24) shapes.push(
        s("text", { x: x(at) + 4, y: 13, class: "g-month" }, monthName(at)),
      );
    }
  }
  return shapes;
}

/**
 * @param {Task} task @param {number} y @param {(at: number) => number} x @param {Axis} axis
 * @param {number|null} bell @param {(task: string) => void} openTask
 */
function bars(task, y, x, axis, bell, openTask) {
  const start = day(task.start);
  const finish = day(task.finish);
  const plannedStart = day(task.planned_start);
  const plannedFinish = day(task.planned_finish);
  const shapes = [];
  if (start !== null && finish !== null) {
    const width = Math.max(axis.scale, (finish - start + 1) * axis.scale) - 1;
    const late = day(task.late_finish);
    if (late !== null && late > finish) {
      shapes.push(
        s("path", { d: `M${x(finish + 1)} ${y + 12}H${x(late + 1)}m0 -4v8`, class: "g-float" }),
      );
    }
    shapes.push(
      s("rect", { x: x(start), y: y + 6, width, height: 13, rx: 2, class: barClass(task) }),
    );
    const done = share(task);
    if (done > 0) shapes.push(
      s("rect", { x: x(start), y: y + 6, width: width * done, height: 13, rx: 2, class: "g-part" }),
    );
    if (bell !== null && finish >= bell) {
      const from = Math.max(start, bell);
      shapes.push(
        s(
          "rect",
          {
            x: x(from),
            y: y + 6,
            width: (finish - from + 1) * axis.scale - 1,
            height: 13,
            rx: 2,
            class: "g-over",
          },
        ),
      );
    }
  } else if (task.satisfied && plannedStart !== null && plannedFinish !== null) {
    shapes.push(
      s(
        "rect",
        {
          x: x(plannedStart),
          y: y + 6,
          width: (plannedFinish - plannedStart + 1) * axis.scale - 1,
          height: 13,
          rx: 2,
          class: "g-done",
        },
      ),
    );
  }
  if (plannedStart !== null && plannedFinish !== null) {
    shapes.push(
      s(
        "rect",
        {
          x: x(plannedStart),
          y: y + 21,
          width: Math.max(2, (plannedFinish - plannedStart + 1) * axis.scale - 1),
          height: 2,
          class: "g-planned",
        },
      ),
    );
  }
  const dates = task.finish ? range(task.start, task.finish) : "satisfied";
  return s(
    "g",
    { class: "g-task", onclick: () => openTask(task.id) },
    s("title", null, `${task.title}: ${dates}`),
    shapes,
  );
}

/** @param {Task} task */
function barClass(task) {
  return task.critical ? "g-bar g-critical" : "g-bar";
}

/** @param {Task} task */
function share(task) {
  return task.progress_total ? Math.min(1, task.progress_done / task.progress_total) : 0;
}

/** The critical path as a line from bar to bar. */
function links(
  /** @type {import("./data.js").School} */ school,
  /** @type {Line[]} */ lines,
  /** @type {(at: number) => number} */ x,
) {
  const row = new Map(lines.map((line, index) => [line.task?.id, index]));
  const path = school.answer.critical_path;
  return path.slice(1).map((/** @type {any} */ step, /** @type {number} */ index) => {
    const before = path[index];
    const [from, to] = [row.get(before.task_id), row.get(step.task_id)];
    const [end, begin] = [day(before.finish), day(step.start)];
    if (from === undefined || to === undefined || end === null || begin === null) return null;
    const [y1, y2] = [AXIS + from * ROW + 12, AXIS + to * ROW + 12];
    const turn = Math.max(x(end + 1) + 3, x(begin) - 4);
    return s("path", { d: `M${x(end + 1) - 1} ${y1}H${turn}V${y2}H${x(begin)}`, class: "g-link" });
  });
}

/** @param {number} at @param {number} height @param {string} kind @param {string} label @param {number} [width] */
function mark(at, height, kind, label, width = Infinity) {
  const flip = at > width - 130;
  return s(
    "g",
    { class: `g-mark g-${kind}` },
    s("path", { d: `M${at} 19V${height}` }),
    s("text", { x: flip ? at - 4 : at + 4, y: 29, "text-anchor": flip ? "end" : "start" }, label),
  );
}

/** @param {Line} line @param {(task: string) => void} openTask */
function nameOf({ task, label }, openTask) {
  if (!task) return h("li", { class: "gantt-heading" }, label);
  return h(
    "li",
    { class: task.critical ? "critical" : null },
    icon(task.satisfied ? "done" : task.status, `status-${task.satisfied ? "done" : task.status}`),
    h(
      "button",
      {
        type: "button",
        class: "inline clip",
        title: label,
        onclick: () => openTask(task.id),
        dataset: { key: `gantt:${task.id}` },
      },
      label,
      task.critical && h("span", { class: "sr" }, ", decides the date"),
    ),
    task.gate && icon("gate", "gate-mark"),
  );
}

/** @param {import("./data.js").School} school */
function describe({ graph, answer }) {
  const open = graph.tasks.filter((task) => !task.satisfied).length;
  const path = answer.critical_path.length;
  return `Timeline of ${open} open tasks; ${path} of them decide the date. The list of tasks gives every date.`;
}
