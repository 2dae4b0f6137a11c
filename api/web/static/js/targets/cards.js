// One-time passwords on login cards: made for a school, handed out once, then gone.

import { fetchFile, isAbort, readAll, send } from "../api.js";
import { moment, plural } from "../dates.js";
import { ask } from "../dialogs.js";
import { h, show, uid } from "../dom.js";
import { checkOf } from "../forms.js";
import { busyButton, figure, tableOf } from "../orders/parts.js";
import { problemBox } from "../problems.js";
import { keepFocus } from "../school/buttons.js";
import { may } from "../session.js";
import { toast } from "../toasts.js";
import { save } from "./saving.js";

/** @type {[string, string][]} */
const GRADES = [
  ["", "Every grade"],
  ...["PK", "K", ...Array.from({ length: 12 }, (_, at) => String(at + 1))].map(
    (grade) => /** @type {[string, string]} */ ([grade, `Grade ${grade}`]),
  ),
];
const COLUMNS = [
  { head: "School" },
  { head: "Students", number: true },
  { head: "Waiting", number: true },
  { head: "Handed out", number: true },
  { head: "Without", number: true },
  { head: "Cards" },
];

// Who looks for one of a thousand schools types its code.
const MOST = 25;

/** @param {AbortSignal} signal @returns {HTMLElement} */
export function cardsPart(signal) {
  /** @type {any[]} */
  let schools = [];
  let wanted = "";
  const id = uid("cards");
  const trouble = h("div", null);
  const said = h("p", { class: "fine result", role: "status" }, "Reading the schools.");
  const place = h("div", null);
  const oninput = (/** @type {Event} */ event) => {
    wanted = /** @type {HTMLInputElement} */ (event.target).value.trim().toLowerCase();
    draw();
  };
  void again();
  return h(
    "section",
    { class: "panel cards", "aria-label": "Login cards" },
    h("h2", null, "Login cards"),
    h(
      "p",
      { class: "lead" },
      "Passwords for the first sign-in, in words a first-grader can type. Cards are handed out once: then nobody can read them again.",
    ),
    h(
      "div",
      { class: "controls" },
      h("div", { class: "control" }, h("label", { for: id }, "School"), h("input", { type: "search", id, oninput })),
    ),
    trouble,
    said,
    place,
  );

  async function again() {
    try {
      const found = await readAll("/v1/login-cards", signal);
      schools = found.filter((one) => one.students > 0);
      draw();
    } catch (error) {
      if (!isAbort(error)) show(trouble, problemBox(error, { retry: () => void again() }));
    }
  }

  function draw() {
    const fitting = schools.filter((one) => one.school.toLowerCase().includes(wanted));
    const shown = fitting.slice(0, MOST);
    const more = fitting.length > MOST ? ` of ${figure(fitting.length)}: type a school's code` : "";
    said.textContent = schools.length ? `${plural(shown.length, "school")}${more}` : "No school has students yet.";
    const rows = shown.map((one) => ({ cells: cellsOf(one, trouble, again) }));
    keepFocus(place, () => show(place, rows.length > 0 && tableOf("Login cards", COLUMNS, rows)));
  }
}

/** @param {any} one @param {HTMLElement} trouble @param {() => Promise<void>} changed */
function cellsOf(one, trouble, changed) {
  const button = (/** @type {string} */ label, /** @type {() => Promise<boolean>} */ run) =>
    busyButton(
      label,
      async () => {
        if (await run()) await changed();
      },
      trouble,
      { about: one.school, key: `${label}:${one.school}` },
    );
  return [
    one.school,
    figure(one.students),
    one.delivered < one.waiting
      ? [figure(one.waiting), h("span", { class: "fine clip" }, `${figure(one.delivered)} told to a system`)]
      : figure(one.waiting),
    figure(one.handed_out),
    one.expired ? `${figure(one.without)}, ${figure(one.expired)} expired` : figure(one.without),
    may("accounts:write")
      ? h(
          "span",
          { class: "acts" },
          button("Make passwords", () => makeFor(one)),
          one.waiting > 0 && button("Print cards", () => print(one)),
        )
      : "–",
  ];
}

/** @param {any} one @returns {Promise<boolean>} */
function makeFor(one) {
  return ask({
    title: `Passwords for ${one.school}`,
    intro: h(
      "p",
      null,
      "For active students who have none. They wait here, encrypted, for the cards; targets that are sent passwords get them.",
    ),
    fields: [
      { name: "grade", label: "Grade", options: GRADES },
      checkOf({
        name: "renew",
        label: "Replace those that wait or were handed out",
        help: "Cards that were handed out before no longer work once the systems are told.",
      }),
    ],
    submit: "Make passwords",
    act: async ({ grade, renew }) => {
      const body = { renew: renew === "on", ...(grade && { grade }) };
      const made = await send(`/v1/schools/${one.school}/initial-passwords`, body);
      toast(`${one.school}: ${plural(made.made, "password")} made, good until ${moment(made.expires_at)}.`);
    },
  });
}

/** @param {any} one @returns {Promise<boolean>} */
function print(one) {
  return ask({
    title: `Login cards of ${one.school}`,
    intro: h(
      "p",
      null,
      "A page to print and cut, a sheet for each grade. This is the only time: keep the file until it is printed, then throw it away.",
    ),
    fields: [
      { name: "grade", label: "Grade", options: GRADES },
      checkOf({
        name: "undelivered",
        label: "Also passwords that no system has been told",
        help: "Wait for the target that is sent them, or send an export that has them: or students cannot sign in.",
      }),
    ],
    submit: "Hand out",
    act: async ({ grade, undelivered }) => {
      const body = { undelivered: undelivered === "on", ...(grade && { grade }) };
      const path = `/v1/schools/${one.school}/login-cards?format=html`;
      save(await fetchFile("POST", path, { body }));
      toast(`${one.school}: the cards are in your downloads.`);
    },
  });
}
