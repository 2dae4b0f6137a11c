// Every icon, drawn here on a 16 x 16 grid. They decorate: the words stand beside them.

import { s } from "./dom.js";

/** @type {Record<string, Array<[string, Record<string, unknown>]>>} */
const SHAPES = {
  ready: [
    ["circle", { cx: 8, cy: 8, r: 7, class: "fill" }],
    ["path", { d: "M4.700 8.300l2.300 2.300 4.300-4.800", class: "cut" }],
  ],
  on_track: [
    ["circle", { cx: 8, cy: 8, r: 6.2, class: "line" }],
    ["path", { d: "M5.200 8h5M8 5.600L10.500 8 8 10.400", class: "line" }],
  ],
  at_risk: [
    ["path", { d: "M8 1.400l7 12.800H1z", class: "fill" }],
    ["path", { d: "M8 6v3.800M8 11.600v.6", class: "cut" }],
  ],
  late: [
    ["path", { d: "M5 1h6l4 4v6l-4 4H5l-4-4V5z", class: "fill" }],
    ["path", { d: "M5.600 5.600l4.800 4.800M10.400 5.600l-4.800 4.800", class: "cut" }],
  ],
  lapsed: [
    ["path", { d: "M8 1.800A6.200 6.200 0 1 0 14.200 8", class: "line" }],
    ["path", { d: "M11 2.500l1.600 2.300-2.700 1.200 2 2.500", class: "line" }],
  ],
  unscheduled: [
    ["rect", { x: 2, y: 3.2, width: 12, height: 10.8, rx: 2, class: "line" }],
    ["path", { d: "M2 6.800h12M5.200 1.600v3M10.800 1.600v3", class: "line" }],
  ],
  unplanned: [["circle", { cx: 8, cy: 8, r: 6.2, class: "line dashed" }]],
  search: [
    ["circle", { cx: 7, cy: 7, r: 4.6, class: "line" }],
    ["path", { d: "M10.500 10.500L14 14", class: "line" }],
  ],
  up: [["path", { d: "M4 10l4-4 4 4", class: "line" }]],
  down: [["path", { d: "M4 6l4 4 4-4", class: "line" }]],
  close: [["path", { d: "M4 4l8 8M12 4l-8 8", class: "line" }]],
  download: [
    ["path", { d: "M8 2v8M4.600 7L8 10.400 11.400 7M2.600 13.600h10.800", class: "line" }],
  ],
  back: [["path", { d: "M13.500 8h-11M6.500 4L2.500 8l4 4", class: "line" }]],
  edit: [
    ["path", { d: "M2.500 13.500l.8-3.300 7.700-7.700 2.500 2.500-7.700 7.700z", class: "line" }],
  ],
  gate: [["path", { d: "M8 1.500L14.500 8 8 14.500 1.500 8z", class: "line" }]],
  done: [["path", { d: "M3 8.500l3.500 3.500L13 4.500", class: "line" }]],
  in_progress: [
    ["circle", { cx: 8, cy: 8, r: 6.2, class: "line" }],
    ["path", { d: "M8 1.800a6.200 6.200 0 0 1 0 12.400z", class: "fill" }],
  ],
  pending: [["circle", { cx: 8, cy: 8, r: 6.2, class: "line" }]],
  skipped: [["path", { d: "M3 4l5 4-5 4zM12.500 4v8", class: "line" }]],
  cancelled: [["path", { d: "M3 8h10", class: "line" }]],
  person: [
    ["circle", { cx: 8, cy: 5, r: 2.8, class: "line" }],
    ["path", { d: "M2.500 14c.5-3 2.700-4.500 5.500-4.500s5 1.500 5.500 4.500", class: "line" }],
  ],
};

/**
 * An icon by name.
 * @param {string} name @param {string} [more] further classes
 * @returns {SVGElement}
 */
export function icon(name, more = "") {
  return s(
    "svg",
    {
      class: `icon ${more}`,
      viewBox: "0 0 16 16",
      width: 16,
      height: 16,
      "aria-hidden": "true",
      focusable: "false",
    },
    (SHAPES[name] ?? SHAPES.pending).map(([tag, attributes]) => s(tag, attributes)),
  );
}

/** The mark of the product: a bell. @returns {SVGElement} */
export function bell() {
  return s(
    "svg",
    { class: "bell", viewBox: "0 0 32 32", width: 26, height: 26, "aria-hidden": "true" },
    s("rect", { width: 32, height: 32, rx: 7, class: "bell-ground" }),
    s("path", {
      d: "M16 6a7 7 0 0 0-7 7v5.500l-2 3.500h18l-2-3.500V13a7 7 0 0 0-7-7z",
      class: "bell-body",
    }),
    s("path", { d: "M13 24a3 3 0 0 0 6 0z", class: "bell-clapper" }),
  );
}
