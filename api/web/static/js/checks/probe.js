// The probe of a school: how to get it, and the code it signs with, shown once.

import { send } from "../api.js";
import { moment } from "../dates.js";
import { openDialog } from "../dialogs.js";
import { h } from "../dom.js";
import { busyButton } from "../orders/parts.js";
import { copyButton } from "../orders/vendor-acts.js";
import { may } from "../session.js";

/**
 * @param {string} school @param {{measured_at: string}|undefined} last run that was taken in
 * @returns {HTMLElement}
 */
export function probePanel(school, last) {
  const trouble = h("div", null);
  const href = `/v1/probe.py?school=${encodeURIComponent(school)}`;
  return h(
    "section",
    { class: "panel probe", "aria-labelledby": "probe-title" },
    h("h2", { id: "probe-title" }, "Measure with a laptop"),
    h(
      "p",
      null,
      "One file, for any laptop with Python 3.8: it looks names up, reaches the services that lessons need, finds out who reads along, and measures the speed.",
    ),
    h("p", { class: "fine" }, last ? `Last run: ${moment(last.measured_at)}.` : "It has not been run here yet."),
    h(
      "div",
      { class: "acts" },
      h("a", { class: "button small", href, download: "probe.py" }, "Download probe.py"),
      may("checks:write") &&
        busyButton("Make a code", () => makeCode(school), trouble, { key: "probe-code" }),
    ),
    trouble,
  );
}

/** @param {string} school */
async function makeCode(school) {
  const made = await send(`/v1/schools/${encodeURIComponent(school)}/probe-code`);
  const command = `python3 probe.py --code ${made.code}`;
  openDialog(`The probe's code of ${school}`, (close) => [
    h("p", null, "Hand it to the technician now: it is shown this once."),
    h("p", { class: "copy secret" }, h("code", null, made.code), copyButton(made.code, "the code")),
    h("p", { class: "copy" }, h("code", null, command), copyButton(command, "the command")),
    made.previous_until &&
      h("p", { class: "fine" }, `The one before is good until ${moment(made.previous_until)}.`),
    h(
      "div",
      { class: "form-end" },
      h("button", { type: "button", class: "button primary", onclick: close }, "I have it"),
    ),
  ]);
}
