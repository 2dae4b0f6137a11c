// A run that is under way, asked about until it has ended.

import { isAbort, read } from "../api.js";

const PAUSE = 600;
const MOVING = ["queued", "running"];

/** @param {any} run whether something is still being done with it */
export function isMoving(run) {
  return MOVING.includes(run.state) || run.undo?.state === "running";
}

/**
 * Tell of a run now, and again until nothing moves it any more.
 * @param {string} id @param {AbortSignal} signal @param {(run: any) => void} tell
 * @param {(error: unknown) => void} fail
 */
export async function follow(id, signal, tell, fail) {
  try {
    for (;;) {
      const run = await read(`/v1/account-imports/${id}`, signal);
      tell(run);
      if (!isMoving(run)) return;
      await new Promise((resolve) => setTimeout(resolve, PAUSE));
      if (signal.aborted) return;
    }
  } catch (error) {
    if (!isAbort(error)) fail(error);
  }
}
