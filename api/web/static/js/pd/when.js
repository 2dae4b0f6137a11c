// When a session is, as the clock on the wall there says it.

import { day, parts, short } from "../dates.js";

/** @typedef {{starts_local: string, ends_local: string, timezone: string}} Times local ones name no zone */

/** `2027-03-09` of `2027-03-09T09:00:00`. @param {string} local */
export function dayOf(local) {
  return local.slice(0, 10);
}

/** `09:00` of `2027-03-09T09:00:00`. @param {string} local */
export function clockOf(local) {
  return local.slice(11, 16);
}

/** `09:00–11:30`, and where it ends on another day that day. @param {Times} session */
export function hoursOf(session) {
  const end = dayOf(session.ends_local) === dayOf(session.starts_local)
    ? clockOf(session.ends_local)
    : `${clockOf(session.ends_local)} on ${short(dayOf(session.ends_local), { weekday: true })}`;
  return `${clockOf(session.starts_local)}–${end}`;
}

/** `Tue 9 Mar, 09:00–11:30`. @param {Times} session */
export function whenOf(session) {
  return `${short(dayOf(session.starts_local), { weekday: true })}, ${hoursOf(session)}`;
}

/** `Chicago time` where the reader's own clock shows another. @param {Times} session */
export function zoneOf(session) {
  const mine = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (mine === session.timezone) return "";
  const city = session.timezone.split("/").pop() ?? session.timezone;
  return session.timezone === "UTC" ? "UTC" : `${city.replaceAll("_", " ")} time`;
}

/** The Monday of the week of a day. @param {number} count as `dates.day` counts @returns {number} */
export function mondayOf(count) {
  return count - ((parts(count).weekday + 6) % 7);
}

/** `2027-03-09` of a day as `dates.day` counts them. @param {number} count */
export function isoOf(count) {
  return new Date(count * 86400000).toISOString().slice(0, 10);
}

/** @param {string} local @returns {number} */
export function countOf(local) {
  return day(dayOf(local)) ?? 0;
}
