// What a person can do to a task. Each act answers whether something changed.

import { Problem, call, read, send } from "../api.js";
import { ask } from "../dialogs.js";
import { h, show } from "../dom.js";
import { problemBox } from "../problems.js";
import { may } from "../session.js";
import { toast } from "../toasts.js";
import { carriesEvidence } from "./data.js";

/**
 * @typedef {import("./data.js").Task} Task
 * @typedef {{key: string, label: string, primary?: boolean, run: (trouble: HTMLElement) => Promise<boolean>}} Act
 */

/** @param {Task} task @returns {Act[]} what the reader may do to it now, the likeliest first */
export function actsOf(task) {
  /** @type {Act[]} */
  const acts = [];
  const open = task.status === "pending" || task.status === "in_progress";
  const add = (
    /** @type {string} */ key,
    /** @type {string} */ label,
    /** @type {Act["run"]} */ run,
  ) =>
    acts.push({ key, label, run, primary: acts.length === 0 });
  if (may("tasks:act")) {
    if (carriesEvidence(task)) add("evidence", "Record evidence", () => recordEvidence(task));
    if (open && task.status === "pending" && !carriesEvidence(task)) add(
      "start",
      "Start",
      (trouble) => move(task, "start", trouble),
    );
    if (open) add("complete", "Complete", (trouble) => move(task, "complete", trouble));
    if (!open) add("reopen", "Reopen", (trouble) => move(task, "reopen", trouble));
    if (!task.satisfied) add("waiver", "Request waiver", () => requestWaiver(task));
  }
  if (may("tasks:write")) add(
    "assign",
    task.owner_email ? "Change owner" : "Assign owner",
    () => assign(task),
  );
  return acts;
}

/** The rarer ones, for the task's own page. @param {Task} task @returns {Act[]} */
export function rareActsOf(task) {
  if (!may("tasks:write")) return [];
  const acts = [];
  const open = task.status === "pending" || task.status === "in_progress";
  if (open) acts.push(
    {
      key: "skip",
      label: "Skip",
      run: () => withReason(task, "skip", "Skip", "Why can it be left out?"),
    },
  );
  if (!task.gate || may("gates:cancel")) {
    acts.push(
      {
        key: "cancel",
        label: "Cancel task",
        run: () => withReason(task, "cancel", "Cancel task", "Why is it taken out of the plan?"),
      },
    );
  }
  return acts;
}

const DONE_WORDS = /** @type {Record<string, string>} */ ({
  start: "started",
  complete: "completed",
  reopen: "reopened",
  skip: "skipped",
  cancel: "cancelled",
});

/**
 * A decision; when a rule stands against it, ask for the reason to override it.
 * @param {Task} task @param {string} transition @param {HTMLElement} trouble
 */
async function move(task, transition, trouble) {
  const path = `/v1/tasks/${task.id}/${transition}`;
  show(trouble);
  try {
    await send(path);
  } catch (error) {
    if (error instanceof Problem && ["task-blocked", "evidence-required"].includes(error.code)) {
      return override(task, transition, error);
    }
    show(trouble, problemBox(error));
    return false;
  }
  toast(`${task.title}: ${DONE_WORDS[transition]}.`);
  return true;
}

/** @param {Task} task @param {string} transition @param {Problem} problem */
function override(task, transition, problem) {
  const verb = transition === "start" ? "Start" : "Complete";
  return ask({
    title: `${verb} it all the same?`,
    intro: [
      h("p", null, h("b", null, task.title)),
      h("p", null, problem.message),
      h("p", { class: "fine" }, "Your reason is kept with the task."),
    ],
    fields: [{ name: "override_reason", label: "Reason", type: "area", required: true }],
    submit: `${verb} anyway`,
    danger: true,
    act: async (values) => {
      await send(`/v1/tasks/${task.id}/${transition}`, values);
      toast(`${task.title}: ${DONE_WORDS[transition]}, by override.`);
    },
  });
}

/** @param {Task} task @param {string} transition @param {string} submit @param {string} label */
function withReason(task, transition, submit, label) {
  return ask({
    title: `${submit}: ${task.title}`,
    fields: [{ name: "reason", label, type: "area", required: true }],
    submit,
    danger: true,
    act: async (values) => {
      await send(`/v1/tasks/${task.id}/${transition}`, values);
      toast(`${task.title}: ${DONE_WORDS[transition]}.`);
    },
  });
}

/** @param {Task} task */
async function recordEvidence(task) {
  const present = await read(`/v1/tasks/${task.id}`).catch(() => task);
  const unit = task.unit ? ` (${task.unit})` : "";
  return ask({
    title: `Record evidence: ${task.title}`,
    intro: h("p", null, "What is known now; it replaces what was known before."),
    fields: [
      {
        name: "done",
        label: `Done${unit}`,
        type: "number",
        min: "0",
        required: true,
        value: present.progress_done,
      },
      {
        name: "total",
        label: `Of${unit}`,
        type: "number",
        min: "0",
        value: present.progress_total,
        help: "Leave it as it is, or correct it.",
      },
      {
        name: "expected_on",
        label: "The rest is promised for",
        type: "date",
        value: present.expected_on,
      },
      {
        name: "cause",
        label: "Why, in one line",
        value: present.cause,
        help: "Shown to everybody as the reason.",
      },
    ],
    submit: "Record",
    act: async (values) => {
      await send(`/v1/tasks/${task.id}/evidence`, evidenceOf(values, present));
      toast(`${task.title}: recorded.`);
    },
  });
}

/** Evidence is stated whole, so what the form does not ask for is said again. */
function evidenceOf(/** @type {Record<string, string>} */ values, /** @type {any} */ present) {
  return {
    done: Number(values.done),
    total: values.total === "" ? null : Number(values.total),
    unit: present.unit ?? null,
    expected_on: values.expected_on || null,
    lead_days: values.expected_on ? null : (present.lead_days ?? null),
    spread_days: present.spread_days ?? null,
    valid_until: present.valid_until ?? null,
    cause: values.cause || null,
  };
}

/** @param {{id: string, title: string}} task @returns {Promise<boolean>} */
export function requestWaiver(task) {
  return ask({
    title: `Request a waiver: ${task.title}`,
    intro: h(
      "p",
      null,
      "A waiver opens the school without this task. It is shown beside the verdict, which is also given without it.",
    ),
    fields: [
      { name: "reason", label: "Reason", type: "area", required: true },
      { name: "expires_on", label: "Holds until", type: "date", help: "Empty: without end." },
    ],
    submit: "Request waiver",
    act: async ({ reason, expires_on: until }) => {
      const waiver = await send(
        `/v1/tasks/${task.id}/waivers`,
        { reason, expires_on: until || null },
      );
      toast(
        waiver.state === "approved" ? "The waiver holds." : "Requested: another person has to approve it.",
      );
    },
  });
}

/** @param {Task} task */
function assign(task) {
  return ask({
    title: `Owner: ${task.title}`,
    fields: [
      {
        name: "owner_email",
        label: "Email",
        type: "email",
        value: task.owner_email,
        help: "Empty: nobody.",
      },
    ],
    submit: "Assign",
    act: async (values) => {
      const { etag } = await call("GET", `/v1/tasks/${task.id}`);
      await call(
        "PATCH",
        `/v1/tasks/${task.id}`,
        { body: { owner_email: values.owner_email || null }, etag },
      );
      toast(
        values.owner_email ? `${task.title}: now ${values.owner_email}'s.` : `${task.title}: nobody's now.`,
      );
    },
  });
}

/**
 * Approve or revoke a waiver.
 * @param {string} id @param {"approve"|"revoke"} decision @param {HTMLElement} trouble
 */
export async function decideWaiver(id, decision, trouble) {
  try {
    await call("POST", `/v1/waivers/${id}/${decision}`);
  } catch (error) {
    show(trouble, problemBox(error));
    return false;
  }
  toast(decision === "approve" ? "The waiver holds." : "The waiver is revoked.");
  return true;
}
