// Who is signed in here.

import { Problem, call } from "./api.js";

/**
 * @typedef {{actor: string, name: string, role: string, rights: string[], sees_names: boolean,
 *   network: {code: string, name: string}|null, schools: {code: string, name: string}[]|null}} Me
 */

/** @type {Me|null} */
let me = null;

/** @returns {Me|null} */
export function whoami() {
  return me;
}

/** @param {string} right */
export function may(right) {
  return me !== null && me.rights.includes(right);
}

/** Ask the service who we are. @returns {Promise<Me|null>} null: nobody */
export async function recall() {
  try {
    me = (await call("GET", "/v1/me", { quiet: true })).data;
  } catch (error) {
    if (!(error instanceof Problem) || error.status !== 401) throw error;
    me = null;
  }
  return me;
}

/** @param {Me|null} who what a sign-in answered */
export function become(who) {
  me = who;
}

/** @returns {Promise<void>} */
export async function leave() {
  await call("DELETE", "/v1/sign-in", { quiet: true });
  me = null;
}
