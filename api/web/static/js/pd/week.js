// Weeks of sessions: seven columns where there is room, a list of days where there is not.

import { localToday, plural, short } from "../dates.js";
import { h } from "../dom.js";
import { badgeOf, placeOf, seatsOf, stateOf } from "./pieces.js";
import { countOf, hoursOf, zoneOf } from "./when.js";

/**
 * @param {any[]} sessions by when they begin @param {number} monday the first week's
 * @param {number} weeks how many
 */
export function weeksOf(sessions, monday, weeks) {
  /** @type {Map<number, any[]>} */
  const byDay = new Map();
  for (const session of sessions) {
    const day = countOf(session.starts_local);
    byDay.set(day, [...(byDay.get(day) ?? []), session]);
  }
  return Array.from({ length: weeks }, (_, at) => weekOf(monday + 7 * at, byDay));
}

/** @param {number} monday @param {Map<number, any[]>} byDay */
function weekOf(monday, byDay) {
  const days = Array.from({ length: 7 }, (_, at) => monday + at);
  const held = days.reduce((all, day) => all + (byDay.get(day)?.length ?? 0), 0);
  // A weekend without sessions needs no columns.
  const shown = days.filter((day, at) => at < 5 || byDay.has(day));
  return h(
    "section",
    { class: "week", "aria-label": `Week of ${short(monday)}` },
    h(
      "h2",
      null,
      `Week of ${short(monday)}`,
      h("span", { class: "fine" }, held ? plural(held, "session") : "No sessions"),
    ),
    held > 0 &&
      h(
        "div",
        { class: "days", dataset: { columns: shown.length } },
        shown.map((day) => dayColumn(day, byDay.get(day) ?? [])),
      ),
  );
}

/** @param {number} day @param {any[]} sessions */
function dayColumn(day, sessions) {
  const today = day === localToday();
  const gone = day < localToday();
  return h(
    "div",
    { class: "day", dataset: { empty: sessions.length ? null : "", today: today ? "" : null, gone: gone ? "" : null } },
    h("h3", null, short(day, { weekday: true }), today && h("span", { class: "fine" }, "Today")),
    h("ul", null, sessions.map(cardOf)),
  );
}

/** @param {any} session */
function cardOf(session) {
  const state = stateOf(session);
  const zone = zoneOf(session);
  return h(
    "li",
    { class: "pd-card", dataset: { state } },
    h("span", { class: "pd-hours num" }, hoursOf(session), zone && h("span", { class: "fine" }, ` ${zone}`)),
    h("a", { class: "quiet", href: `/pd/sessions/${session.id}`, dataset: { key: session.id } }, session.title),
    h("span", { class: "fine" }, placeOf(session)),
    session.trainer
      ? h("span", { class: "fine" }, session.trainer.name)
      : session.status === "open" && h("span", { class: "fine nobody" }, "No trainer"),
    h(
      "span",
      { class: "pd-card-end" },
      state !== "open" && badgeOf(state),
      session.status !== "cancelled" && h("span", { class: "fine num" }, seatsOf(session)),
    ),
  );
}
