// What happened to an order, the newest first; what only the timeline names can be taken back here.

import { moment, short } from "../dates.js";
import { h } from "../dom.js";
import { may } from "../session.js";
import { sentence } from "../words.js";
import { decides } from "./acts.js";
import { busyButton, figure, whose } from "./parts.js";
import { takeBack } from "./reverse.js";

// As many as the service tells.
const MOST = 500;
const BACK = " taken back";
// What was moved, where and when; a reason may follow.
const MOVED = /^.* on \d{4}-\d{2}-\d{2}/;

/** @typedef {{changed: () => Promise<void>, trouble: HTMLElement}} Acts */

/** @param {any[]} events the newest first @param {Acts} acts @returns {HTMLElement} */
export function timelineOf(events, acts) {
  const standing = standingOf(events);
  return h(
    "section",
    { class: "panel" },
    h("h2", null, "Timeline"),
    events.length === 0 && h("p", { class: "fine" }, "Nothing has happened yet."),
    h(
      "ol",
      { class: "timeline" },
      events.map((one) =>
        h(
          "li",
          null,
          h("span", { class: "fine num" }, moment(one.at)),
          h("p", null, said(one)),
          one.actor && h("p", { class: "fine" }, `by ${whose(one.actor)}`),
          standing.has(one) && takeBackOf(one, acts),
        ),
      ),
    ),
    events.length >= MOST && h("p", { class: "fine" }, `The newest ${figure(events.length)}.`),
  );
}

/** With days as people write them. @param {any} event */
function said({ kind, summary }) {
  const text = summary.replace(/\b\d{4}-\d{2}-\d{2}\b/g, (/** @type {string} */ day) => short(day));
  return kind === "state" ? sentence(text) : text;
}

/**
 * Events that no later one takes back: one that does says the same of what, where and when.
 * @param {any[]} events @returns {Set<any>}
 */
function standingOf(events) {
  /** @type {Map<string, number>} */
  const gone = new Map();
  const standing = new Set();
  for (const one of events) {
    const isBack = one.summary.endsWith(BACK);
    const text = MOVED.exec(one.summary)?.[0] ?? one.summary;
    const count = gone.get(text) ?? 0;
    if (!isBack && count === 0) standing.add(one);
    else gone.set(text, isBack ? count + 1 : count - 1);
  }
  return standing;
}

/** Transfers and returns have no list of their own. @param {any} event @param {Acts} acts */
function takeBackOf(event, { changed, trouble }) {
  const moved = event.kind === "transfer" && decides();
  const returned = event.kind === "return" && may("orders:receive");
  if (!(moved || returned)) return null;
  const run = async () => {
    const after = moved ? "The pieces are at the site again." : "The pieces are there again.";
    if (await takeBack(moved ? "transfers" : "returns", event.id, said(event), after)) await changed();
  };
  return busyButton("Take back", run, trouble, { about: said(event), key: `back:${event.id}` });
}
