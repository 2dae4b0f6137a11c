// Who is in a session, who waits, and what they were told.

import { call, send } from "../api.js";
import { ask } from "../dialogs.js";
import { moment, plural } from "../dates.js";
import { h } from "../dom.js";
import { busyButton, tableOf } from "../orders/parts.js";
import { toast } from "../toasts.js";
import { sentence } from "../words.js";
import { badgeOf, plans } from "./pieces.js";

const SEATED = ["registered", "attended", "no_show"];
const WAITING = ["offered", "waitlisted"];
const FEW = 20;
/** @type {Record<string, string>} */
const TOLD = {
  trainer_changed: "another trainer",
  offered: "a seat is offered",
  seated: "has a seat now",
  offer_expired: "the offer has expired",
};

/** @param {any} person @returns {string} a name, or the id for who may not see names */
export function nameOf(person) {
  return person.family_name === null ? person.sourced_id : `${person.given_name} ${person.family_name}`;
}

/** @typedef {{changed: () => Promise<void>, trouble: HTMLElement}} Acts */

/** @param {any} session @param {any[]} people @param {Acts} acts */
export function seatedOf(session, people, acts) {
  const seated = people.filter((one) => SEATED.includes(one.status));
  // Kept for somebody, so that they count as taken.
  const offered = people.filter((one) => one.status === "offered").length;
  const count = [
    `${session.seats_taken - offered} of ${session.capacity}`,
    offered && `${offered} offered`,
    session.to_confirm && `${session.to_confirm} to confirm`,
  ].filter(Boolean).join(", ");
  const held = seated.some((one) => one.hours !== null);
  return h(
    "section",
    { class: "panel", "aria-label": "Registered" },
    h("h2", null, "Registered", h("span", { class: "count-mark num" }, count)),
    seated.length
      ? tableOf(
          "Registered",
          [{ head: "Who" }, { head: "School" }, { head: "State" }, held ? { head: "Hours", number: true } : { head: "Change" }],
          seated.map((one) => ({
            cells: [
              whoCell(one),
              one.school,
              [badgeOf(one.status), one.to_confirm && h("span", { class: "fine line-note" }, "asked whether they still come")],
              held ? (one.hours ?? "–") : canGo(session, one) && seatActs(session, one, acts),
            ],
          })),
        )
      : h("p", { class: "fine" }, "Nobody yet."),
  );
}

/** @param {any} session @param {any[]} people @param {Acts} acts */
export function waitingOf(session, people, acts) {
  const waiting = people
    .filter((one) => WAITING.includes(one.status))
    .sort((a, b) => WAITING.indexOf(a.status) - WAITING.indexOf(b.status) || a.entry - b.entry);
  if (!waiting.length) return null;
  return h(
    "section",
    { class: "panel", "aria-label": "Waitlist" },
    h("h2", null, "Waitlist", h("span", { class: "count-mark num" }, String(waiting.length))),
    tableOf(
      "Waitlist",
      [{ head: "Who" }, { head: "School" }, { head: "Place" }, { head: "Change" }],
      waiting.map((one) => ({
        cells: [
          whoCell(one),
          one.school,
          one.status === "offered"
            ? [badgeOf("offered", "Seat offered"), h("span", { class: "fine line-note" }, `until ${moment(one.offer_expires_at)}`)]
            : h("span", { class: "num" }, `Number ${one.position}`),
          plans() && session.status === "open"
            ? h(
                "span",
                { class: "acts" },
                one.status === "offered" && acceptButton(session, one, acts),
                removeButton(session, one, "Remove", acts),
              )
            : null,
        ],
      })),
    ),
  );
}

/** @param {any} one */
function whoCell(one) {
  return [
    nameOf(one),
    one.walk_in && h("span", { class: "tag" }, "walk-in"),
    h("span", { class: "fine line-note" }, sentence(one.role)),
  ];
}

/** @param {any} session @param {any} one */
function canGo(session, one) {
  return plans() && session.status === "open" && one.status === "registered";
}

/** @param {any} session @param {any} one @param {Acts} acts */
function seatActs(session, one, acts) {
  return h(
    "span",
    { class: "acts" },
    one.to_confirm && acceptButton(session, one, acts, "Confirm", "still comes"),
    removeButton(session, one, "Withdraw", acts),
  );
}

/** @param {any} session @param {any} one @param {Acts} acts @param {string} label @param {string} done */
function acceptButton(session, one, { changed, trouble }, label = "Accept", done = "has the seat") {
  const act = async () => {
    await send(`/v1/pd/sessions/${session.id}/registrations/${one.staff}/accept`);
    toast(`${nameOf(one)} ${done}.`);
    await changed();
  };
  return busyButton(label, act, trouble, { about: nameOf(one), key: `accept:${one.staff}`, primary: true });
}

/** @param {any} session @param {any} one @param {string} label @param {Acts} acts */
function removeButton(session, one, label, { changed, trouble }) {
  const act = async () => {
    const done = await ask({
      title: `${label}: ${nameOf(one)}`,
      intro: SEATED.includes(one.status) && session.waitlisted > 0
        ? "Whoever waits longest is offered the seat."
        : `${nameOf(one)} leaves ${session.title}.`,
      fields: [],
      submit: label,
      danger: true,
      act: () => call("DELETE", `/v1/pd/sessions/${session.id}/registrations/${one.staff}`),
    });
    if (done) await changed();
  };
  return busyButton(label, act, trouble, { about: nameOf(one), key: `remove:${one.staff}` });
}

/** @param {any[]} notices the newest first @param {any[]} people @param {any} trainer who trains, or null */
export function noticesOf(notices, people, trainer) {
  if (!notices.length) return null;
  const names = new Map(people.map((one) => [one.staff, nameOf(one)]));
  if (trainer?.staff) names.set(trainer.staff, trainer.name);
  const shown = notices.slice(0, FEW);
  return h(
    "section",
    { class: "panel", "aria-label": "Told" },
    h("h2", null, "What people are told"),
    h(
      "ul",
      { class: "timeline" },
      shown.map((one) =>
        h(
          "li",
          null,
          h("b", null, one.staff === null ? "The trainer from outside" : (names.get(one.staff) ?? "Somebody")),
          `: ${TOLD[one.kind] ?? sentence(one.kind).toLowerCase()}`,
          h("span", { class: "fine line-note" }, one.sent_at ? `told ${moment(one.sent_at)}` : `since ${moment(one.created_at)}, not sent yet`),
        )),
    ),
    notices.length > FEW && h("p", { class: "fine" }, `And ${plural(notices.length - FEW, "more notice")}.`),
  );
}
