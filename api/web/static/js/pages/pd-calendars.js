// Links that show sessions in people's own calendars: made, copied once, revoked.

import { call, make, readAll } from "../api.js";
import { attempt, ask, openDialog } from "../dialogs.js";
import { moment } from "../dates.js";
import { h, show } from "../dom.js";
import { fieldOf, formOf, valuesOf } from "../forms.js";
import { Listing } from "../orders/listing.js";
import { busyButton, tableOf, whose } from "../orders/parts.js";
import { headOf, plans, readNetworks, schoolField } from "../pd/pieces.js";
import { problemBox } from "../problems.js";
import { may, whoami } from "../session.js";
import { toast } from "../toasts.js";
import { sentence } from "../words.js";

/** @param {import("../router.js").Context} context @returns {import("../router.js").View} */
export function open({ signal }) {
  const trouble = h("div", null);
  const listing = new Listing({
    page: "/pd/calendars",
    source: "/v1/calendars",
    filters: {},
    signal,
    noun: "link",
    draw: (links) => tableOfLinks(links, trouble, () => listing.read()),
    nothing: "No links yet. Make one, and subscribe to it from Google, Apple or Outlook.",
  });
  void listing.read();
  const add = async () => {
    show(trouble);
    try {
      if (await newLink()) await listing.read();
    } catch (error) {
      show(trouble, problemBox(error));
    }
  };
  return {
    node: h(
      "div",
      { class: "page pd-page" },
      headOf("/pd/calendars", h("button", { type: "button", class: "button primary", onclick: () => void add() }, "New calendar link")),
      h(
        "p",
        { class: "lead" },
        "Whoever has a link sees the sessions, without who attends. Revoke one that went astray.",
      ),
      trouble,
      listing.nodes,
    ),
  };
}

/** @param {any[]} links @param {HTMLElement} trouble @param {() => Promise<void>} changed */
function tableOfLinks(links, trouble, changed) {
  return tableOf(
    "Calendar links",
    [{ head: "Calendar" }, { head: "Shows" }, { head: "Made" }, { head: "Last asked for" }, { head: "Change" }],
    links.map((link) => ({
      cells: [
        link.label,
        sentence(link.kind),
        [moment(link.created_at), h("span", { class: "fine line-note" }, `by ${whose(link.created_by)}`)],
        link.last_read_at ? moment(link.last_read_at) : "Never",
        plans() || link.created_by === whoami()?.actor ? revokeButton(link, trouble, changed) : null,
      ],
    })),
  );
}

/** @param {any} link @param {HTMLElement} trouble @param {() => Promise<void>} changed */
function revokeButton(link, trouble, changed) {
  const act = async () => {
    const done = await ask({
      title: `Revoke: ${link.label}`,
      intro: "Calendars that subscribe to it show nothing new from now on.",
      fields: [],
      submit: "Revoke",
      danger: true,
      act: () => call("DELETE", `/v1/calendars/${link.id}`),
    });
    if (!done) return;
    toast("The link is revoked.");
    await changed();
  };
  return busyButton("Revoke", act, trouble, { about: link.label, key: link.id });
}

/** @returns {Promise<boolean>} whether one was made */
async function newLink() {
  const wide = !whoami()?.schools;
  const networks = wide ? await readNetworks() : [];
  /** @type {any} */
  let made = null;
  const done = await attempt("New calendar link", (cancel, finish) =>
    formOf({
      body: subjectFields(wide, networks),
      submit: "Make the link",
      cancel,
      act: async (form) => {
        const values = Object.entries(valuesOf(form)).filter(([, value]) => value);
        made = await make("/v1/calendars", Object.fromEntries(values));
        finish();
      },
    }),
  );
  if (done) showOnce(made);
  return done;
}

/** @param {boolean} wide whether the reader sees whole networks @param {string[]} networks */
function subjectFields(wide, networks) {
  /** @type {[string, string][]} */
  const kinds = [
    ["school", "A school: held there, or its people go"],
    ...(wide ? [/** @type {[string, string]} */ (["network", "A whole network"])] : []),
    ...(may("staff:read") ? [/** @type {[string, string]} */ (["person", "One person: where they go or train"])] : []),
    ...(wide ? [/** @type {[string, string]} */ (["trainer", "A trainer from outside"])] : []),
  ];
  const kind = fieldOf({ name: "kind", label: "What it shows", options: kinds });
  const more = h("div", { class: "pd-place" });
  const network = () =>
    fieldOf({ name: "network", label: "Network", options: networks.map((code) => [code, code]) });
  const draw = () => {
    const chosen = /** @type {HTMLSelectElement} */ (kind.querySelector("select")).value;
    const own = whoami()?.schools?.[0]?.code ?? "";
    show(
      more,
      chosen === "school" && schoolField({ required: true, value: own }),
      (chosen === "network" || chosen === "trainer") && network(),
      chosen === "trainer" && fieldOf({ name: "trainer", label: "Their name or email, as in a session", required: true }),
      chosen === "person" && personField(),
    );
  };
  kind.addEventListener("change", draw);
  draw();
  return [
    kind,
    more,
    fieldOf({ name: "label", label: "Name in the calendar", help: "Left empty: what it shows. Name nobody who attends." }),
  ];
}

/** A select of staff, filled once they are read. */
function personField() {
  const select = h("select", { id: "calendar-person", name: "staff", required: true }, h("option", { value: "" }, "Reading."));
  void readAll("/v1/staff?active=true").then(
    (people) =>
      show(
        select,
        h("option", { value: "" }, "Choose"),
        people.map((one) => h("option", { value: one.id }, `${one.family_name}, ${one.given_name}, ${one.school}`)),
      ),
    () => show(select, h("option", { value: "" }, "The staff could not be read")),
  );
  return h("div", { class: "field" }, h("label", { for: "calendar-person" }, "Who"), select);
}

/** @param {any} link */
function showOnce(link) {
  const copy = async () => {
    await navigator.clipboard.writeText(link.url);
    toast("Copied.");
  };
  openDialog(link.label, (close) => [
    h("p", null, "This address is shown once. Paste it where your calendar program subscribes to a calendar."),
    h(
      "p",
      { class: "copy secret" },
      h("code", null, link.url),
      navigator.clipboard && h("button", { type: "button", class: "button small", onclick: () => void copy() }, "Copy"),
    ),
    h("p", null, h("a", { href: link.webcal }, "Open it in this device's calendar")),
    h(
      "div",
      { class: "form-end" },
      h("button", { type: "button", class: "button primary", onclick: close }, "Done"),
    ),
  ]);
}
