// What a person can say of a check at a school. Each act answers whether something changed.

import { call, make, read, send } from "../api.js";
import { ask } from "../dialogs.js";
import { h } from "../dom.js";
import { requestWaiver } from "../school/acts.js";
import { may } from "../session.js";
import { toast } from "../toasts.js";
import { sentence } from "../words.js";
import { measurementIn } from "./output.js";

/**
 * @typedef {import("./words.js").Standing & {check_id: string, title: string, exemption: any,
 *   retest: any}} SchoolCheck
 * @typedef {{key: string, label: string, primary?: boolean, run: () => Promise<boolean>}} Act
 */

const SPEEDS = ["bps", "kbps", "Mbps", "Gbps", "Tbps"];

/** @param {string} school @param {SchoolCheck} one @returns {Act[]} the likeliest first */
export function actsOf(school, one) {
  const path = `/v1/schools/${encodeURIComponent(school)}/checks/${encodeURIComponent(one.check)}`;
  /** @type {Act[]} */
  const acts = [];
  if (may("waivers:approve") && one.exemption) {
    acts.push({ key: "concern", label: "Let it concern the school again", run: () => endExemption(path, one) });
  } else if (may("checks:write") && !one.exemption) {
    acts.push({ key: "record", label: "Record a result", primary: true, run: () => record(path, one) });
    acts.push({
      key: "retest",
      label: one.retest ? "Move the re-test" : "Plan a re-test",
      run: () => planRetest(path, one),
    });
    if (one.retest) acts.push({ key: "call-off", label: "Call the re-test off", run: () => callOff(path, one) });
    // It opens a gate as a waiver does.
    if (may("waivers:approve") && one.verdict !== "not_applicable") {
      acts.push({ key: "exempt", label: "Not applicable", run: () => exempt(path, one) });
    }
  }
  if (may("tasks:act") && canBeWaived(one)) {
    const task = { id: String(one.task_id), title: one.title };
    acts.push({ key: "waive", label: "Request waiver", run: () => requestWaiver(task) });
  }
  return acts;
}

/** @param {SchoolCheck} one */
function canBeWaived(one) {
  return one.task_id !== null && !one.waived && !["passed", "not_applicable"].includes(one.verdict);
}

/** @param {string} path @param {SchoolCheck} one */
async function record(path, one) {
  const check = await read(`/v1/checks/${one.check_id}`);
  return ask({
    title: `Record: ${one.title}`,
    intro: h("p", { class: "fine" }, check.method),
    fields: [
      { name: "value", label: `Value (${one.unit})`, type: "number", step: "any" },
      ...(SPEEDS.includes(one.unit) ? [OUTPUT] : []),
      {
        name: "measured_at",
        label: "Measured",
        type: "datetime-local",
        help: "Empty: now, or when the program says.",
      },
      ...check.requires.map(evidenceField),
      { name: "note", label: "Note", type: "area", rows: 2, pointer: "/evidence/note" },
    ],
    submit: "Record",
    act: async (values) => {
      await make(`${path}/results`, measurementIn(values, check.requires));
      toast(`${one.title}: recorded.`);
    },
  });
}

/** @type {import("../forms.js").Field} */
const OUTPUT = {
  name: "output",
  label: "Or the output of iperf3 -J or ndt7",
  type: "area",
  rows: 3,
  pointer: "/iperf3 /ndt7",
  help: "As it comes: the value is read from it.",
};

/** @param {string} name @returns {import("../forms.js").Field} */
function evidenceField(name) {
  const type = /_(on|date)$/.test(name) ? "date" : "text";
  return { name: `evidence.${name}`, label: sentence(name), type, pointer: `/evidence/${name}` };
}

/** @param {string} path @param {SchoolCheck} one */
function planRetest(path, one) {
  return ask({
    title: `Measure again: ${one.title}`,
    intro: h("p", null, "The forecast goes by this day until the next result."),
    fields: [
      { name: "scheduled_on", label: "On", type: "date", required: true, value: one.retest?.scheduled_on },
      { name: "owner_email", label: "Who (email)", type: "email", value: one.retest?.owner_email },
      { name: "note", label: "Note", value: one.retest?.note },
    ],
    submit: "Plan",
    act: async (values) => {
      const given = Object.entries(values).filter(([, value]) => value);
      await send(`${path}/retests`, Object.fromEntries(given));
      toast(`${one.title}: planned.`);
    },
  });
}

/** @param {string} path @param {SchoolCheck} one */
async function callOff(path, one) {
  await call("DELETE", `${path}/retests`);
  toast(`${one.title}: the re-test is called off.`);
  return true;
}

/** @param {string} path @param {SchoolCheck} one */
function exempt(path, one) {
  return ask({
    title: `Not applicable: ${one.title}`,
    intro: h(
      "p",
      null,
      "Only where it does not concern the building at all. To open without a check that does, ask for a waiver.",
    ),
    fields: [{ name: "reason", label: "Why", type: "area", required: true }],
    submit: "Say so",
    danger: true,
    act: async (values) => {
      await send(`${path}/exemption`, values);
      toast(`${one.title}: does not concern this school.`);
    },
  });
}

/** @param {string} path @param {SchoolCheck} one */
async function endExemption(path, one) {
  await call("DELETE", `${path}/exemption`);
  toast(`${one.title}: concerns the school again.`);
  return true;
}
