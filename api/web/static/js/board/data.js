// The board's rows, kept while the pages are open and brought up to date by what is told live.

import { isAbort, read, readAll as readList } from "../api.js";
import { onChange } from "../live.js";
import { prepare } from "./model.js";

// Above this many schools, one whole list is cheaper than single answers.
const SINGLY = 12;
const NOT_BEFORE = 2000;

/** @type {import("./model.js").Row[]|null} */
let rows = null;

/** @returns {import("./model.js").Row[]|null} what was read last */
export function known() {
  return rows;
}

/** Read the whole board. @param {AbortSignal} signal */
async function readAll(signal) {
  const [board, networks] = await Promise.all([
    read("/v1/readiness?limit=50000", signal),
    readList("/v1/networks", signal),
  ]);
  const names = new Map(networks.map((network) => [network.code, network.name]));
  rows = board.items.map((/** @type {any} */ row) =>
    prepare(
      { ...row, network: { code: row.network, name: names.get(row.network) ?? row.network } },
    ),
  );
}

/**
 * Read the board now and whenever it changes.
 * @param {AbortSignal} signal @param {(error: unknown) => void} told null: the rows are new
 * @returns {() => void} reads again
 */
export function follow(signal, told) {
  let busy = false;
  let readAt = 0;
  let later = 0;
  /** @type {import("../live.js").Change} */
  let waiting = { all: true, schools: new Set() };
  const run = async () => {
    later = 0;
    if (busy || signal.aborted) return;
    busy = true;
    const change = waiting;
    waiting = { all: false, schools: new Set() };
    const began = performance.now();
    try {
      if (change.all || !rows || change.schools.size > SINGLY) {
        await readAll(signal);
        readAt = performance.now() + (performance.now() - began) * 4;
      } else await readSome([...change.schools], signal);
      told(null);
    } catch (error) {
      if (isAbort(error)) return;
      told(error);
    } finally {
      busy = false;
      if (waiting.all || waiting.schools.size) soon();
    }
  };
  const soon = () => {
    if (later || busy) return;
    // A long list is not read again and again while an import runs.
    const pause = waiting.all || waiting.schools.size > SINGLY ? readAt + NOT_BEFORE - performance.now() : 0;
    later = window.setTimeout(run, Math.max(0, pause));
  };
  onChange((change) => {
    waiting.all ||= change.all;
    for (const id of change.schools) waiting.schools.add(id);
    soon();
  }, signal);
  signal.addEventListener("abort", () => clearTimeout(later));
  void run();
  return () => {
    waiting.all = true;
    void run();
  };
}

/** @param {string[]} ids @param {AbortSignal} signal */
async function readSome(ids, signal) {
  const byId = new Map((rows ?? []).map((row, index) => [row.school.id, index]));
  for (const id of ids) {
    const index = byId.get(id);
    // One that is not on the board is new, or not ours to see: the whole list knows.
    if (index === undefined || !rows) return readAll(signal);
    const answer = await read(`/v1/schools/${encodeURIComponent(id)}/readiness`, signal);
    rows[index] = prepare(asRow(rows[index], answer));
  }
}

/** @param {import("./model.js").Row} before @param {any} answer */
function asRow(before, answer) {
  return {
    ...before,
    school: { ...before.school, ...answer.school },
    first_bell: answer.rollout?.first_bell ?? null,
    verdict: answer.verdict,
    ready: answer.ready,
    percent: answer.percent,
    ready_on: answer.forecast.ready_on,
    float_days: answer.forecast.float_days,
    workstreams: answer.workstreams,
  };
}
