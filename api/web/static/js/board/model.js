// The board's rows: filtered, sorted, counted. Pure.

import { day } from "../dates.js";
import { orderStreams, verdictRank } from "../words.js";

/**
 * @typedef {{workstream: string, verdict: string, percent: number|null,
 *   gates: {satisfied: number, total: number}}} Stream
 * @typedef {{school: {id: string, code: string, name: string}, first_bell: string|null,
 *   verdict: string, ready: boolean, percent: number|null, ready_on: string|null,
 *   float_days: number|null, workstreams: Stream[], network: {code: string, name: string}, wave: string|null,
 *   text?: string, streams?: Map<string, Stream>}} Row
 * @typedef {{q: string, network: string, wave: string, verdicts: Set<string>, sort: string}} Filters
 */

/** Prepare a row from the service: what search and cells ask for again and again. @param {Row} row */
export function prepare(row) {
  const { code, name } = row.network;
  const words = [row.school.name, row.school.code, code, name, row.wave];
  row.text = words.filter(Boolean).join(" ").toLowerCase();
  row.streams = new Map(row.workstreams.map((stream) => [stream.workstream, stream]));
  return row;
}

/** @param {Row[]} rows @returns {string[]} every workstream of any row */
export function streamsOf(rows) {
  const found = new Set();
  for (const row of rows) for (const stream of row.workstreams) found.add(stream.workstream);
  return orderStreams(found);
}

/**
 * The rows of all filters but the verdict's: what the counts are made of.
 * @param {Row[]} rows @param {Filters} filters @returns {Row[]}
 */
export function within(rows, filters) {
  const terms = filters.q.toLowerCase().split(/\s+/).filter(Boolean);
  return rows.filter(
    (row) =>
      (!filters.network || row.network.code === filters.network) &&
      (!filters.wave || row.wave === filters.wave) &&
      terms.every((term) => row.text?.includes(term)),
  );
}

/** @param {Row[]} rows @returns {Map<string, number>} */
export function countVerdicts(rows) {
  const counts = new Map();
  for (const row of rows) counts.set(row.verdict, (counts.get(row.verdict) ?? 0) + 1);
  return counts;
}

/** @type {Record<string, (row: Row) => string|number|null>} */
const KEYS = {
  school: (row) => row.school.name.toLowerCase(),
  network: (row) => `${row.network.name} ${row.wave ?? ""}`.toLowerCase(),
  verdict: (row) => verdictRank(row.verdict) * 10000 + (row.float_days ?? 5000),
  percent: (row) => row.percent,
  ready_on: (row) => day(row.ready_on),
  first_bell: (row) => day(row.first_bell),
  float: (row) => row.float_days,
};

/** @param {string} column @returns {(row: Row) => string|number|null} */
function keyOf(column) {
  if (column in KEYS) return KEYS[column];
  return (row) => {
    const stream = row.streams?.get(column);
    return stream ? verdictRank(stream.verdict) * 1000 + (stream.percent ?? 999) : null;
  };
}

/**
 * A sorted copy; rows without a value come last in either direction, ties by name, then code.
 * @param {Row[]} rows @param {string} sort a column, `-` before it for descending
 * @returns {Row[]}
 */
export function sorted(rows, sort) {
  const sign = sort.startsWith("-") ? -1 : 1;
  const key = keyOf(sort.replace(/^-/, ""));
  const keyed = rows.map((row) => ({ row, key: key(row), name: row.school.name.toLowerCase() }));
  keyed.sort((a, b) => {
    if (a.key !== b.key) {
      if (a.key === null) return 1;
      if (b.key === null) return -1;
      return a.key < b.key ? -sign : sign;
    }
    if (a.name !== b.name) return a.name < b.name ? -1 : 1;
    return a.row.school.code < b.row.school.code ? -1 : 1;
  });
  return keyed.map((entry) => entry.row);
}

/** @param {URLSearchParams} query @returns {Filters} */
export function filtersOf(query) {
  return {
    q: query.get("q") ?? "",
    network: query.get("network") ?? "",
    wave: query.get("wave") ?? "",
    verdicts: new Set((query.get("verdict") ?? "").split(",").filter(Boolean)),
    sort: query.get("sort") ?? "verdict",
  };
}

/** @param {Filters} filters @returns {URLSearchParams} without what is the default */
export function queryOf(filters) {
  const query = new URLSearchParams();
  if (filters.q) query.set("q", filters.q);
  if (filters.network) query.set("network", filters.network);
  if (filters.wave) query.set("wave", filters.wave);
  if (filters.verdicts.size) query.set("verdict", [...filters.verdicts].join(","));
  if (filters.sort !== "verdict") query.set("sort", filters.sort);
  return query;
}
