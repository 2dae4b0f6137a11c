// The words of targets, and what an error of theirs means to who has to mend it.

import { plural } from "../dates.js";
import { figure } from "../orders/parts.js";
import { sentence } from "../words.js";

/** @type {Record<string, string>} */
const ERRORS = {
  "name-taken": "Another account there has the username",
  "name-taken-unseen": "The username is taken there by an account we are not shown",
  "credentials-refused": "The target refuses our token",
  "address-refused": "The target's name leads into a private network",
  "address-unknown": "The target's name is not known",
  "timed-out": "The target did not answer in time",
  "not-answered": "The target left it out of its answer",
  "not-found": "There is no SCIM service at the address",
  dropped: "The target broke the connection off",
  garbage: "The target's answer is no SCIM",
  redirected: "The address leads elsewhere",
  unreachable: "The target cannot be reached",
  "no-username": "The account has no username yet",
  "password-refused": "The target does not take the initial password",
  "password-unreadable": "The initial password cannot be read: make another",
  "refused-by-target": "The target's result file refused it",
};

/** @param {string} code @returns {string} */
export function errorWord(code) {
  const [kind, status] = code.split(/-(?=\d+$)/);
  if (status && kind === "rejected") return `The target does not take the account (${status})`;
  if (status && kind === "answered") return `The target failed (${status})`;
  return ERRORS[code] ?? sentence(code.replaceAll("-", " "));
}

/** What is to be done there, such as `340 to create, 2 to delete`. @param {Record<string, number>} planned */
export function plannedWord(planned) {
  const said = Object.entries(planned).filter(([, count]) => count > 0);
  return said.map(([action, count]) => `${figure(count)} to ${action}`).join(", ");
}

/**
 * How a target fares, in a word and a verdict's colour.
 * @param {any} status @returns {{word: string, verdict: string, icon: string}}
 */
export function stateOf(status) {
  const { target, breaker } = status;
  if (breaker.state === "refused") return { word: "Token refused", verdict: "late", icon: "late" };
  if (target.paused) return { word: "Paused", verdict: "unscheduled", icon: "pending" };
  if (breaker.state === "open") return { word: "Left alone", verdict: "at_risk", icon: "at_risk" };
  if (target.dry_run && status.waiting) return { word: "Dry run", verdict: "unscheduled", icon: "search" };
  if (status.running) return { word: "Working", verdict: "on_track", icon: "in_progress" };
  if (status.dead) return { word: `${figure(status.dead)} given up`, verdict: "late", icon: "late" };
  if (status.waiting) return { word: "Waiting", verdict: "on_track", icon: "pending" };
  if (status.accounts.handed_off) return { word: "Handed off", verdict: "on_track", icon: "pending" };
  if (status.drifted) return { word: "Differs", verdict: "at_risk", icon: "at_risk" };
  return { word: "Up to date", verdict: "ready", icon: "ready" };
}

/** What the queue still takes, as a sentence. @param {any} status @returns {string} */
export function queueWord(status) {
  const { target, waiting, remaining } = status;
  const open = status.accounts.handed_off ?? 0;
  if (!waiting && open) {
    return `${plural(open, "account")} ${open === 1 ? "is" : "are"} in a file that is not confirmed yet.`;
  }
  if (!waiting) return "Nothing waits.";
  const what = `${plural(waiting, "account")} ${waiting === 1 ? "waits" : "wait"}`;
  const todo = plannedWord(status.planned);
  const of = todo ? ` (${todo})` : "";
  if (target.kind === "csv") return `${what}${of} for the next file.`;
  if (target.dry_run) return `${what}${of}; in a dry run nothing is written there.`;
  if (!remaining) return `${what}${of}.`;
  return `${what}${of}: ${remaining} at ${figure(target.rate_per_minute)} a minute.`;
}
