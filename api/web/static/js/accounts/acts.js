// What can be done with a run now: let it go on, stop it, take it back.

import { send } from "../api.js";
import { ask } from "../dialogs.js";
import { busyButton, figure } from "../orders/parts.js";
import { may, whoami } from "../session.js";
import { toast } from "../toasts.js";

/** Whether the reader may send rosters: never one school's business. */
export function maySend() {
  return may("accounts:write") && whoami()?.schools === null;
}

/**
 * @param {any} run @param {HTMLElement} trouble @param {() => void} changed
 * @returns {import("../dom.js").Child[]}
 */
export function actsOf(run, trouble, changed) {
  if (!maySend()) return [];
  const acts = [];
  if (run.state === "held") acts.push(button("Approve", () => approve(run), { primary: true }));
  if (["queued", "running", "held"].includes(run.state)) {
    acts.push(button("Cancel", () => act(run, "cancel", "Cancelled; nothing was written.")));
  }
  if (run.state === "applied" && run.undo?.state !== "running") {
    acts.push(button("Undo", () => undo(run)));
  }
  return acts;

  /**
   * @param {string} label @param {() => Promise<boolean>} run
   * @param {{primary?: boolean}} [options]
   */
  function button(label, run, options) {
    const work = async () => {
      if (await run()) changed();
    };
    return busyButton(label, work, trouble, { ...options, key: label });
  }
}

/** @param {any} run @param {string} verb @param {string} said */
async function act(run, verb, said) {
  await send(`/v1/account-imports/${run.id}/${verb}`);
  toast(said);
  return true;
}

/** @param {any} run */
function approve(run) {
  return ask({
    title: "Approve this import",
    intro: `${figure(run.rows.missing)} students will be marked missing; after two weeks their
      accounts are suspended.`,
    fields: [],
    submit: "Approve",
    act: () => act(run, "approve", "Approved; it is being applied."),
  });
}

/** @param {any} run */
function undo(run) {
  return ask({
    title: "Undo this import",
    intro: `${figure(run.rows.created)} accounts it made will be removed and
      ${figure(run.rows.updated + run.rows.missing)} put back as they were. What was edited since
      is kept, and usernames it gave are not given to anybody else.`,
    fields: [],
    submit: "Undo",
    danger: true,
    act: () => act(run, "undo", "It is being undone."),
  });
}
