// A vendor's secret, shown once and rotated; a test event.

import { send } from "../api.js";
import { moment } from "../dates.js";
import { ask, openDialog } from "../dialogs.js";
import { h } from "../dom.js";
import { toast } from "../toasts.js";

/** @param {any} vendor @returns {Promise<boolean>} */
export async function rotate(vendor) {
  /** @type {any} */
  let made = null;
  const ours = vendor.scheme === "standard";
  const done = await ask({
    title: `Rotate the secret of ${vendor.name}`,
    intro: h("p", null, "The one before stays good for a while, so that both ends can change."),
    fields: [
      {
        name: "secret",
        label: "New secret",
        required: !ours,
        help: ours ? "Empty: one is made." : "As the vendor shows it.",
      },
      {
        name: "overlap_hours",
        label: "Hours the old one stays good",
        type: "number",
        value: 24,
        min: "0",
        max: "336",
        required: true,
        help: "0 ends it now, as for a secret that leaked.",
      },
    ],
    submit: "Rotate",
    act: async ({ secret, overlap_hours: hours }) => {
      const body = { overlap_hours: Number(hours), ...(secret && { secret }) };
      made = await send(`/v1/vendors/${vendor.slug}/secrets`, body);
    },
  });
  if (done) await showSecret(vendor, made.secret, made.old_retires_at);
  return done;
}

/** @param {any} vendor @returns {Promise<boolean>} */
export async function testEvent(vendor) {
  const answer = await send(`/v1/vendors/${vendor.slug}/test-event`);
  toast(`${vendor.name}: the test event is ${answer.outcome}.`);
  return true;
}

/**
 * The only time that a secret is seen: the page forgets it with the dialog.
 * @param {any} vendor @param {string} secret @param {string|null} until when the old one ends
 * @returns {Promise<void>}
 */
export function showSecret(vendor, secret, until) {
  return new Promise((resolve) => {
    openDialog(
      `The secret of ${vendor.name}`,
      (close) => [
        h("p", null, "Hand it to the vendor now: it is shown this once."),
        h("p", { class: "copy secret" }, h("code", null, secret), copyButton(secret, "the secret")),
        h("p", { class: "copy" }, h("code", null, vendor.url), copyButton(vendor.url, "the URL")),
        until && h("p", { class: "fine" }, `The one before is good until ${moment(until)}.`),
        h(
          "div",
          { class: "form-end" },
          h("button", { type: "button", class: "button primary", onclick: close }, "I have it"),
        ),
      ],
      { onclose: () => resolve() },
    );
  });
}

/** @param {string} text @param {string} what @returns {HTMLElement} */
export function copyButton(text, what) {
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      toast("Copied.");
    } catch {
      // Without https, or without leave, the browser keeps the clipboard to itself.
      toast("The browser does not let pages copy here: select the text.", { bad: true });
    }
  };
  return h(
    "button",
    { type: "button", class: "button small", "aria-label": `Copy ${what}`, onclick: copy },
    "Copy",
  );
}
