// The tasks and what waits for what, in lanes; pointing at one shows what leads to it.

import { h, s } from "../dom.js";
import { streamWord } from "../words.js";
import { layoutOf } from "./layout.js";

const WIDE = 176;
const HIGH = 40;
const GAP_X = 44;
const GAP_Y = 8;
const LANE = 24;
const LARGEST = 400;

/**
 * @param {import("./data.js").School} school @param {{satisfied: boolean}} options
 * @param {(task: string) => void} openTask @returns {HTMLElement}
 */
export function graphOf(school, options, openTask) {
  const shown = school.graph.tasks.filter((task) => options.satisfied || !task.satisfied);
  const tasks = shown.length > LARGEST ? shown.filter(
    (task) => task.critical || task.gate,
  ).slice(0, LARGEST) : shown;
  if (!tasks.length) return h(
    "p",
    { class: "fine" },
    "No open task. Show satisfied ones to see the plan.",
  );
  const layout = layoutOf(tasks, school.graph.edges);
  const tops = laneTops(layout);
  const spot = (/** @type {string} */ id) => {
    const place = layout.places.get(id);
    if (!place) return null;
    return {
      x: 12 + place.column * (WIDE + GAP_X),
      y: tops[place.lane] + LANE + place.slot * (HIGH + GAP_Y),
    };
  };
  const width = 24 + layout.columns * (WIDE + GAP_X) - GAP_X;
  const height = tops[tops.length - 1];
  const critical = new Set(
    school.graph.tasks.filter((task) => task.critical).map((task) => task.id),
  );
  const edges = s("g", null, school.graph.edges.map((edge) => edgeOf(edge, spot, critical)));
  const nodes = s(
    "g",
    null,
    tasks.map(
      (task) => nodeOf(task, /** @type {{x: number, y: number}} */ (spot(task.id)), openTask),
    ),
  );
  const chart = s(
    "svg",
    {
      class: "graph-chart",
      width,
      height,
      viewBox: `0 0 ${width} ${height}`,
      role: "group",
      "aria-label": "Tasks and what waits for what",
    },
    layout.lanes.map((lane, index) => laneOf(lane.slug, tops[index], tops[index + 1], width)),
    edges,
    nodes,
  );
  traceOn(chart, school.graph.edges);
  return h(
    "div",
    null,
    tasks.length < shown.length && h(
      "p",
      { class: "fine" },
      `Of ${shown.length} tasks, ${tasks.length} that are gates or decide the date.`,
    ),
    h(
      "div",
      {
        class: "graph-scroll",
        tabindex: 0,
        role: "region",
        "aria-label": "Graph, scrolls sideways",
      },
      chart,
    ),
  );
}

/** @param {import("./layout.js").Layout} layout @returns {number[]} the top of each lane, and the end */
function laneTops({ lanes }) {
  const tops = [0];
  for (const lane of lanes) tops.push(
    tops[tops.length - 1] + LANE + lane.slots * (HIGH + GAP_Y) + 8,
  );
  return tops;
}

/** @param {string} slug @param {number} top @param {number} end @param {number} width */
function laneOf(slug, top, end, width) {
  return s(
    "g",
    null,
    s("rect", { x: 0, y: top + 2, width, height: end - top - 4, rx: 4, class: "lane" }),
    s("text", { x: 12, y: top + 17, class: "lane-name" }, streamWord(slug)),
  );
}

/**
 * @param {import("./data.js").Edge} edge @param {(id: string) => {x: number, y: number}|null} spot
 * @param {Set<string>} critical
 */
function edgeOf(edge, spot, critical) {
  const from = spot(edge.predecessor_id);
  const to = spot(edge.successor_id);
  if (!from || !to) return null;
  const [x1, y1, x2, y2] = [from.x + WIDE, from.y + HIGH / 2, to.x, to.y + HIGH / 2];
  const pull = Math.min(80, Math.max(24, (x2 - x1) / 2));
  const on = critical.has(edge.predecessor_id) && critical.has(edge.successor_id);
  return s("path", {
    d: `M${x1} ${y1}C${x1 + pull} ${y1} ${x2 - pull} ${y2} ${x2} ${y2}`,
    class: on ? "edge critical" : "edge",
    "data-from": edge.predecessor_id,
    "data-to": edge.successor_id,
  });
}

/** @param {import("./data.js").Task} task @param {{x: number, y: number}} at @param {(task: string) => void} openTask */
function nodeOf(task, at, openTask) {
  const state = task.satisfied ? "satisfied" : task.status === "in_progress" ? "in progress" : "open";
  const act = () => openTask(task.id);
  const onkeydown = (/** @type {KeyboardEvent} */ event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    act();
  };
  const [first, second] = wrap(task.title);
  return s(
    "g",
    {
      class: `node ${task.satisfied ? "satisfied" : task.status} ${task.critical ? "critical" : ""} ${task.gate ? "gate" : ""}`,
      transform: `translate(${at.x} ${at.y})`,
      role: "button",
      tabindex: 0,
      "aria-label": `${task.title}, ${state}${task.gate ? ", gate" : ""}${task.critical ? ", decides the date" : ""}`,
      "data-id": task.id,
      "data-key": `node:${task.id}`,
      onclick: act,
      onkeydown,
    },
    s("rect", { width: WIDE, height: HIGH, rx: 4 }),
    task.satisfied && s("path", { d: `M${WIDE - 17} ${HIGH / 2}l3.500 3.500 6-7`, class: "tick" }),
    s("text", { x: 10, y: second ? 17 : 24, "aria-hidden": "true" }, first),
    second && s("text", { x: 10, y: 31, "aria-hidden": "true" }, second),
    s("title", null, task.title),
  );
}

/** At most two lines. @param {string} title @returns {[string, string]} */
function wrap(title) {
  const most = 22;
  if (title.length <= most) return [title, ""];
  const at = title.lastIndexOf(" ", most);
  const cut = at > 8 ? at : most;
  const rest = title.slice(cut).trim();
  return [title.slice(0, cut), rest.length > most - 2 ? `${rest.slice(0, most - 3)}…` : rest];
}

/** Pointing at a task, or moving to it by keyboard, dims all that is not before or after it. */
function traceOn(/** @type {SVGElement} */ chart, /** @type {import("./data.js").Edge[]} */ edges) {
  const trace = (/** @type {Event} */ event) => {
    const node = /** @type {Element} */ (event.target).closest(".node");
    const id = node?.getAttribute("data-id");
    if (!id) return;
    const near = new Set(
      [
        id,
        ...reach(edges, id, "successor_id", "predecessor_id"),
        ...reach(edges, id, "predecessor_id", "successor_id"),
      ],
    );
    chart.classList.add("tracing");
    for (const one of chart.querySelectorAll(".node")) one.classList.toggle(
      "near",
      near.has(one.getAttribute("data-id") ?? ""),
    );
    for (const one of chart.querySelectorAll(".edge")) one.classList.toggle(
      "near",
      near.has(one.getAttribute("data-from") ?? "") && near.has(one.getAttribute("data-to") ?? ""),
    );
  };
  const clear = () => chart.classList.remove("tracing");
  chart.addEventListener("pointerover", trace);
  chart.addEventListener("focusin", trace);
  chart.addEventListener("pointerleave", clear);
  chart.addEventListener("focusout", clear);
}

/**
 * @param {import("./data.js").Edge[]} edges @param {string} id
 * @param {"successor_id"|"predecessor_id"} mine @param {"successor_id"|"predecessor_id"} theirs
 */
function reach(edges, id, mine, theirs) {
  /** @type {Map<string, string[]>} */
  const next = new Map();
  for (const edge of edges) next.set(edge[mine], [...(next.get(edge[mine]) ?? []), edge[theirs]]);
  const found = new Set();
  const open = [id];
  while (open.length) {
    for (const other of next.get(/** @type {string} */ (open.pop())) ?? []) {
      if (!found.has(other)) {
        found.add(other);
        open.push(other);
      }
    }
  }
  return found;
}
