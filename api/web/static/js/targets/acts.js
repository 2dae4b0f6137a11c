// What can be done about a target now: try, read back, hand off, set up.

import { send } from "../api.js";
import { plural } from "../dates.js";
import { h } from "../dom.js";
import { maySend } from "../accounts/acts.js";
import { busyButton } from "../orders/parts.js";
import { toast } from "../toasts.js";
import { editTarget, removeTarget } from "./form.js";

/**
 * @param {any} status @param {HTMLElement} trouble @param {() => Promise<void>} changed
 * @returns {HTMLElement|null}
 */
export function actsFor(status, trouble, changed) {
  if (!maySend()) return null;
  const { target } = status;
  const called = target.kind === "scim";
  /** @type {[unknown, string, () => Promise<unknown>][]} */
  const acts = [
    [called && !target.paused, "Sync now", () => say(target, "sync", "what waits is tried now.")],
    [called && !target.paused, "Read back", () => say(target, "drift", "it is being read back.")],
    [!called && status.waiting, "Make a file", () => handOff(target)],
    [status.dead, "Retry given up", () => retry(target)],
    [true, "Edit", () => editTarget(target)],
    [true, "Remove", () => removeTarget(target)],
  ];
  const offered = acts.filter(([is]) => is).map(([, label, run]) =>
    busyButton(
      String(label),
      async () => {
        if (await run()) await changed();
      },
      trouble,
      { about: target.slug, key: `${label}:${target.id}` },
    ),
  );
  return h("div", { class: "acts" }, offered);
}

/** @param {any} target @param {string} verb @param {string} said */
async function say(target, verb, said) {
  await send(`/v1/targets/${target.id}/${verb}`);
  toast(`${target.slug}: ${said}`);
  return true;
}

/** @param {any} target */
async function handOff(target) {
  const made = await send(`/v1/targets/${target.id}/hand-offs`);
  toast(`${target.slug}: a file of ${plural(made.students, "account")} is ready.`);
  return true;
}

/**
 * @param {any} target @param {string[]} [accounts] left out: all that were given up
 * @returns {Promise<boolean>}
 */
export async function retry(target, accounts) {
  const body = accounts ? { account_ids: accounts } : {};
  const { retried } = await send(`/v1/targets/${target.id}/retry`, body);
  toast(`${target.slug}: ${plural(retried, "account")} will be tried again.`);
  return true;
}
