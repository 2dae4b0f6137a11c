// Where the graph's tasks stand: a lane per workstream, a column per step. Pure.

import { orderStreams } from "../words.js";

/**
 * @typedef {{id: string, column: number, slot: number, lane: number}} Place
 * @typedef {{places: Map<string, Place>, lanes: {slug: string, slots: number}[], columns: number}} Layout
 */

/**
 * @param {import("./data.js").Task[]} tasks @param {import("./data.js").Edge[]} edges
 * @returns {Layout}
 */
export function layoutOf(tasks, edges) {
  const known = new Set(tasks.map((task) => task.id));
  const used = edges.filter(
    (edge) => known.has(edge.predecessor_id) && known.has(edge.successor_id),
  );
  const column = columnsOf(tasks, used);
  const neighbours = neighboursOf(used);
  const slugs = orderStreams(tasks.map((task) => task.workstream));
  /** @type {Map<string, Place>} */
  const places = new Map();
  const lanes = slugs.map((slug, lane) => {
    const cells = cellsOf(tasks.filter((task) => task.workstream === slug), column);
    for (const [at, ids] of cells) ids.forEach(
      (id, slot) => places.set(id, { id, column: at, slot, lane }),
    );
    return { slug, slots: Math.max(1, ...[...cells.values()].map((ids) => ids.length)) };
  });
  settle(places, neighbours, lanes);
  const columns = tasks.length ? Math.max(...column.values()) + 1 : 0;
  return { places, lanes, columns };
}

/** The longest way from a beginning, so that every edge goes to the right. */
function columnsOf(
  /** @type {import("./data.js").Task[]} */ tasks,
  /** @type {import("./data.js").Edge[]} */ edges,
) {
  const waiting = new Map(tasks.map((task) => [task.id, 0]));
  /** @type {Map<string, string[]>} */
  const after = new Map();
  for (const { predecessor_id: from, successor_id: to } of edges) {
    waiting.set(to, (waiting.get(to) ?? 0) + 1);
    after.set(from, [...(after.get(from) ?? []), to]);
  }
  const column = new Map(tasks.map((task) => [task.id, 0]));
  const free = tasks.filter((task) => waiting.get(task.id) === 0).map((task) => task.id);
  for (const id of free) {
    for (const next of after.get(id) ?? []) {
      column.set(next, Math.max(column.get(next) ?? 0, (column.get(id) ?? 0) + 1));
      waiting.set(next, (waiting.get(next) ?? 1) - 1);
      if (waiting.get(next) === 0) free.push(next);
    }
  }
  return column;
}

/** @param {import("./data.js").Task[]} tasks @param {Map<string, number>} column */
function cellsOf(tasks, column) {
  /** @type {Map<number, string[]>} */
  const cells = new Map();
  for (const task of tasks) {
    const at = column.get(task.id) ?? 0;
    cells.set(at, [...(cells.get(at) ?? []), task.id]);
  }
  return cells;
}

/** @param {import("./data.js").Edge[]} edges */
function neighboursOf(edges) {
  /** @type {Map<string, string[]>} */
  const neighbours = new Map();
  for (const { predecessor_id: from, successor_id: to } of edges) {
    neighbours.set(from, [...(neighbours.get(from) ?? []), to]);
    neighbours.set(to, [...(neighbours.get(to) ?? []), from]);
  }
  return neighbours;
}

/** A few sweeps of the barycentre rule within each cell: fewer edges cross. */
function settle(
  /** @type {Map<string, Place>} */ places,
  /** @type {Map<string, string[]>} */ neighbours,
  /** @type {{slots: number}[]} */ lanes,
) {
  const offset = lanes.map(
    (_, lane) => lanes.slice(0, lane).reduce((sum, { slots }) => sum + slots, 0),
  );
  const height = (/** @type {Place} */ place) => offset[place.lane] + place.slot;
  for (let sweep = 0; sweep < 4; sweep += 1) {
    /** @type {Map<string, Place[]>} */
    const cells = new Map();
    for (const place of places.values()) {
      const key = `${place.lane}:${place.column}`;
      cells.set(key, [...(cells.get(key) ?? []), place]);
    }
    for (const cell of cells.values()) {
      const pull = (/** @type {Place} */ place) => {
        const around = (neighbours.get(place.id) ?? []).map(
          (id) => height(/** @type {Place} */ (places.get(id))),
        );
        return around.length ? around.reduce((sum, at) => sum + at, 0) / around.length : height(place);
      };
      cell.map((place) => ({ place, pull: pull(place) })).sort((a, b) => a.pull - b.pull).forEach(
        ({ place }, slot) => { place.slot = slot; },
      );
    }
  }
}
