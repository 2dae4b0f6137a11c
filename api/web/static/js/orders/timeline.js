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

/** @typedef {{changed: () => Promise<void>, trouble: HTMLElement}} Acts */

/** @param {any[]} events the newest first @param {Acts} acts @returns {HTMLElement} */
export function timelineOf(events, acts) {
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
          takeBackOf(one, acts),
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

/** Transfers and returns have no list of their own. @param {any} event @param {Acts} acts */
function takeBackOf(event, { changed, trouble }) {
  const moved = event.kind === "transfer" && decides();
  const returned = event.kind === "return" && may("orders:receive");
  if (!(moved || returned) || event.summary.endsWith("taken back")) return null;
  const run = async () => {
    const after = moved ? "The pieces are at the site again." : "The pieces are there again.";
    if (await takeBack(moved ? "transfers" : "returns", event.id, said(event), after)) await changed();
  };
  return busyButton("Take back", run, trouble, { about: said(event), key: `back:${event.id}` });
}
