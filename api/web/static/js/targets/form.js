// Adding a target, and changing what can change of one.

import { call, make, readAll } from "../api.js";
import { ask } from "../dialogs.js";
import { h } from "../dom.js";
import { checkOf, fieldOf } from "../forms.js";
import { whoami } from "../session.js";
import { toast } from "../toasts.js";

/** @type {[string, string][]} */
const KINDS = [["scim", "SCIM 2.0: called over HTTPS"], ["csv", "Files: handed to its people"]];
/** @type {[string, string][]} */
const POLICIES = [
  ["refuse", "Give it up, for somebody to look"],
  ["adopt", "Take it as the student's"],
  ["rename", "Give the student another name there"],
];
const MOST_RATE = 1000000;
const MOST_CALLS = 64;

/** @returns {Promise<boolean>} whether there is a new one */
export async function addTarget() {
  const networks = whoami()?.network ? [whoami()?.network] : await readAll("/v1/networks");
  const called = calledOver({});
  return ask({
    title: "Add a target",
    intro: h("p", null, "Every active account of the network waits for it from then on."),
    fields: [
      {
        name: "network",
        label: "Network",
        options: networks.map((one) => [one.code, one.name]),
      },
      { name: "slug", label: "Short name", required: true, help: "Small letters, digits and hyphens; for good." },
      { name: "kind", label: "Kind", options: KINDS },
      called,
      ...rules({ required: true, dry_run: false, paused: false }),
    ],
    submit: "Add target",
    size: "wide",
    oninput: (event) => {
      const form = /** @type {HTMLElement} */ (event.target).closest("form");
      if (form) called.hidden = new FormData(form).get("kind") === "csv";
    },
    act: async (values, form) => {
      const { network, slug, kind } = values;
      const body = { network, slug, kind, ...rulesIn(form), ...(kind === "scim" && callsIn(values)) };
      await make("/v1/targets", body);
      toast(`${slug}: added.`);
    },
  });
}

/** @param {any} target @returns {Promise<boolean>} */
export async function editTarget(target) {
  const { data: now, etag } = await call("GET", `/v1/targets/${target.id}`);
  const called = now.kind === "scim" ? [calledOver(now)] : [];
  return ask({
    title: `Edit ${now.slug}`,
    fields: [...called, ...rules(now)],
    submit: "Save",
    size: "wide",
    act: async (values, form) => {
      const body = { ...rulesIn(form), ...(now.kind === "scim" && callsIn(values)) };
      await call("PATCH", `/v1/targets/${now.id}`, { body, etag });
      toast(`${now.slug}: saved.`);
    },
  });
}

/** @param {any} target @returns {Promise<boolean>} */
export function removeTarget(target) {
  return ask({
    title: `Remove ${target.slug}`,
    intro: h(
      "p",
      null,
      "Its queue and its files are forgotten here. Accounts that are there stay there, and nothing keeps them up to date any more.",
    ),
    fields: [
      checkOf({
        name: "abandon",
        label: "Also if erased students are still there",
        help: "Then its own people have to delete them.",
      }),
    ],
    submit: "Remove target",
    danger: true,
    act: async ({ abandon }) => {
      await call("DELETE", `/v1/targets/${target.id}${abandon === "on" ? "?abandon=true" : ""}`);
      toast(`${target.slug}: removed.`);
    },
  });
}

/** What only a target that is called has. @param {any} now */
function calledOver(now) {
  return h(
    "div",
    { class: "form" },
    fieldOf({
      name: "base_url",
      label: "Address of its SCIM service",
      type: "url",
      value: now.base_url,
      help: "It begins with https and often ends in /scim/v2.",
    }),
    fieldOf({
      name: "token",
      label: "Token",
      type: "password",
      autocomplete: "new-password",
      help: now.has_token ? "Empty: the one there is stays. It is never shown." : "It is kept encrypted and never shown.",
    }),
    h(
      "div",
      { class: "form-grid" },
      fieldOf({
        name: "rate_per_minute",
        label: "Accounts a minute, at most",
        type: "number",
        min: 1,
        max: MOST_RATE,
        value: now.rate_per_minute ?? 600,
      }),
      fieldOf({
        name: "concurrency",
        label: "Calls at the same time",
        type: "number",
        min: 1,
        max: MOST_CALLS,
        value: now.concurrency ?? 4,
      }),
    ),
    fieldOf({
      name: "policy",
      label: "When a username is taken there",
      options: POLICIES,
      value: now.policy ?? "refuse",
    }),
    checkOf({
      name: "sends_passwords",
      label: "Send initial passwords",
      checked: now.sends_passwords ?? false,
      help: "Those that wait for login cards go along with accounts. Then the cards open it.",
    }),
  );
}

/** @param {{required: boolean, dry_run: boolean, paused: boolean}} now */
function rules(now) {
  return [
    checkOf({
      name: "required",
      label: "Required",
      checked: now.required,
      help: "A student's account is done only once it is there.",
    }),
    checkOf({ name: "dry_run", label: "Dry run", checked: now.dry_run, help: "Nothing is written there." }),
    checkOf({ name: "paused", label: "Paused", checked: now.paused }),
  ];
}

/** @param {HTMLFormElement} form */
function rulesIn(form) {
  const given = new FormData(form);
  return { required: given.has("required"), dry_run: given.has("dry_run"), paused: given.has("paused") };
}

/** @param {Record<string, string>} values */
function callsIn({ base_url, token, rate_per_minute, concurrency, policy, sends_passwords }) {
  return {
    base_url,
    policy,
    sends_passwords: sends_passwords === "on",
    rate_per_minute: Number(rate_per_minute),
    concurrency: Number(concurrency),
    ...(token && { token }),
  };
}
