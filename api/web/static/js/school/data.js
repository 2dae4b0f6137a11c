// What the school page knows: the answer, the graph, what was said before.

import { Problem, read } from "../api.js";

/**
 * @typedef {{id: string, key: string, title: string, workstream: string, kind: string,
 *   gate: boolean, status: string, satisfied: boolean, of_network: boolean, start: string|null,
 *   finish: string|null, late_finish: string|null, float_days: number|null, critical: boolean,
 *   owner_email: string|null, progress_done: number, progress_total: number|null,
 *   unit: string|null, planned_start: string|null, planned_finish: string|null}} Task
 * @typedef {{predecessor_id: string, successor_id: string, lag_days: number}} Edge
 * @typedef {{tasks: Task[], edges: Edge[], first_bell: string|null, today: string}} Graph
 * @typedef {{answer: any, graph: Graph, tasks: Map<string, Task>, history: any[]}} School
 */

/**
 * @param {string} school code or id @param {AbortSignal} signal
 * @returns {Promise<School>}
 */
export async function readSchool(school, signal) {
  const path = `/v1/schools/${encodeURIComponent(school)}`;
  const [answer, graph, history] = await Promise.all([
    read(`${path}/readiness`, signal),
    read(`${path}/graph`, signal).catch(noRollout),
    read(`${path}/readiness/history?limit=200`, signal).then((said) => said.items),
  ]);
  const tasks = new Map(graph.tasks.map((/** @type {Task} */ task) => [task.id, task]));
  return { answer, graph, tasks, history };
}

/** @param {unknown} error */
function noRollout(error) {
  if (!(error instanceof Problem) || error.code !== "rollout-not-found") throw error;
  return { tasks: [], edges: [], first_bell: null, today: "" };
}

/** Kinds whose tasks are finished by what a workstream records. */
const EVIDENCED = new Set(["order", "devices", "check", "accounts", "pd", "evidence"]);

/** @param {Task} task whether evidence, not a person's word, finishes it */
export function carriesEvidence(task) {
  return task.progress_total !== null || EVIDENCED.has(task.kind);
}
