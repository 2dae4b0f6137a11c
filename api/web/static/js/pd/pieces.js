// What the pages of PD draw alike.

import { call, read, readAll } from "../api.js";
import { openDialog } from "../dialogs.js";
import { h, uid } from "../dom.js";
import { fieldOf } from "../forms.js";
import { icon } from "../icons.js";
import { may, whoami } from "../session.js";
import { sentence } from "../words.js";

/** @typedef {import("../dom.js").Child} Child */

/** Colour and icon of a state of a session or a registration. @type {Record<string, [string, string]>} */
const LOOKS = {
  open: ["on_track", "on_track"],
  full: ["at_risk", "at_risk"],
  completed: ["ready", "ready"],
  cancelled: ["unscheduled", "cancelled"],
  registered: ["on_track", "done"],
  waitlisted: ["unscheduled", "pending"],
  offered: ["at_risk", "in_progress"],
  attended: ["ready", "ready"],
  no_show: ["late", "late"],
};

/** @param {string} state @param {string} [word] @returns {HTMLElement} */
export function badgeOf(state, word = sentence(state)) {
  const [verdict, shape] = LOOKS[state] ?? ["unscheduled", "pending"];
  return h("span", { class: "badge", dataset: { verdict } }, icon(shape), word);
}

/** @param {any} session */
export function stateOf(session) {
  return session.status === "open" && session.full ? "full" : session.status;
}

/** Whether the reader plans sessions. */
export function plans() {
  return may("pd:write");
}

/** @param {any} session */
export function placeOf(session) {
  if (session.online) return "Online";
  return [session.room, session.school ?? session.site].filter(Boolean).join(", ");
}

/** @param {any} session */
export function seatsOf(session) {
  const taken = `${session.seats_taken} of ${session.capacity}`;
  return session.waitlisted ? `${taken}, ${session.waitlisted} wait` : taken;
}

const PLACES = /** @type {const} */ ([
  ["/pd", "Sessions"],
  ["/pd/coverage", "Coverage"],
  ["/pd/calendars", "Calendars"],
]);

/** The heading of every page of the room. @param {string} path @param {Child} acts */
export function headOf(path, acts = null) {
  return h(
    "header",
    { class: "pd-head" },
    h("h1", null, "Professional development"),
    h(
      "nav",
      { class: "subnav", "aria-label": "Professional development" },
      PLACES.map(([href, name]) =>
        h("a", { href, "aria-current": href === path ? "page" : null }, name)),
    ),
    h("div", { class: "acts" }, acts),
  );
}

/** @param {string} [network] @param {AbortSignal} [signal] @returns {Promise<any[]>} courses in use */
export function readCourses(network, signal) {
  const query = network ? `?network=${encodeURIComponent(network)}` : "";
  return readAll(`/v1/pd/courses${query}`, signal);
}

/** The codes of all networks the reader may see. @returns {Promise<string[]>} */
export async function readNetworks() {
  const mine = whoami()?.network;
  if (mine) return [mine.code];
  return (await readAll("/v1/networks")).map((one) => one.code);
}

/** The codes of schools, to be offered: without it they can be typed. @param {string} id */
function knownSchools(id) {
  const known = h("datalist", { id });
  void read("/v1/schools?limit=500&sort=code").then(
    ({ items }) => known.append(
      ...items.map((/** @type {any} */ one) => h("option", { value: one.code }, one.name))),
    () => {},
  );
  return known;
}

/**
 * A field for a school's code, which offers those there are.
 * @param {{name?: string, label?: string, value?: string, required?: boolean, help?: string}} [given]
 * @returns {HTMLElement}
 */
export function schoolField(given = {}) {
  const list = uid("schools");
  return h("div", null, fieldOf({ name: "school", label: "School", list, ...given }), knownSchools(list));
}

/**
 * The same among the controls of a page. Half a code names no school, so it acts on a whole one.
 * @param {string} id @param {string} value @param {(code: string) => void} act @returns {HTMLElement}
 */
export function schoolFilter(id, value, act) {
  const list = uid("schools");
  const input = /** @type {HTMLInputElement} */ (
    h("input", { type: "search", id, list, placeholder: "Code", autocomplete: "off", value })
  );
  let told = value;
  const tell = () => {
    if (input.value.trim() === told) return;
    told = input.value.trim();
    act(told);
  };
  input.addEventListener("change", tell);
  input.addEventListener("input", () => {
    if (!input.value) tell();
  });
  return h("div", { class: "control" }, h("label", { for: id }, "School"), input, knownSchools(list));
}

/**
 * Change what was read just now, so that nobody's change is overwritten unseen.
 * @param {string} path @param {Record<string, unknown>} body @param {string|null} etag
 */
export async function patch(path, body, etag) {
  return (await call("PATCH", path, { body, etag })).data;
}

/** What the network's rules warn of. @param {any[]} warnings @returns {HTMLElement|null} */
export function warningsOf(warnings) {
  if (!warnings.length) return null;
  const told = [...new Set(warnings.map((one) => one.detail))];
  return h(
    "div",
    { class: "notice warnings" },
    icon("at_risk"),
    h("ul", null, told.map((text) => h("li", null, text))),
  );
}

/** Say what is worth a look although it was done. @param {string} title @param {any[]} warnings */
export function tellWarnings(title, warnings) {
  if (!warnings.length) return;
  openDialog(title, (close) => [
    h("p", null, "It is done. The network's rules warn:"),
    warningsOf(warnings),
    h(
      "div",
      { class: "form-end" },
      h("button", { type: "button", class: "button primary", onclick: close }, "Understood"),
    ),
  ]);
}
