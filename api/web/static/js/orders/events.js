// One event of the inbox: in the list, and in full.

import { isAbort, read } from "../api.js";
import { moment } from "../dates.js";
import { openDialog } from "../dialogs.js";
import { h, show } from "../dom.js";
import { problemBox } from "../problems.js";
import { may } from "../session.js";
import { matchEvent, replayEvent } from "./event-acts.js";
import { anotherOrder } from "./event-match.js";
import { busyButton, stateBadge } from "./parts.js";

/** @param {any} event @param {(id: string) => void} opened @returns {HTMLElement} */
export function eventOf(event, opened) {
  const about = aboutOf(event);
  return h(
    "li",
    { class: "event" },
    stateBadge(event.outcome),
    h(
      "div",
      null,
      h(
        "p",
        null,
        h(
          "button",
          {
            type: "button",
            class: "inline",
            onclick: () => opened(event.id),
            dataset: { key: `event:${event.id}` },
          },
          `${event.vendor}: ${kindOf(event)}`,
        ),
      ),
      about && h("p", null, about),
      event.reason && h("p", { class: "fine" }, event.reason),
    ),
    h("span", { class: "fine num" }, moment(event.received_at)),
  );
}

/** @param {any} event @returns {string} */
function kindOf({ kind, outcome }) {
  return kind ?? (outcome === "stored" ? "not read yet" : "not understood");
}

/** @param {any} event @returns {string} what it says it is about */
function aboutOf(event) {
  return [
    event.order_number && `order ${event.order_number}`,
    event.tracking_number && `${event.carrier ?? "tracking"} ${event.tracking_number}`,
    event.school && `for ${event.school}`,
  ].filter(Boolean).join(", ");
}

/** @param {string} id @param {() => void} changed */
export function openEvent(id, changed) {
  const place = h("div", { class: "form" }, h("p", { role: "status" }, "Reading the event."));
  openDialog(
    "Event",
    (close) => {
      void readEvent(id, place, close, () => {
        close();
        changed();
      });
      return place;
    },
    { size: "wide" },
  );
}

/**
 * @param {string} id @param {HTMLElement} place @param {() => void} close
 * @param {() => void} done
 */
async function readEvent(id, place, close, done) {
  try {
    const event = await read(`/v1/webhook-events/${id}`);
    show(place, ...partsOf(event, close, done));
  } catch (error) {
    if (!isAbort(error)) show(place, problemBox(error));
  }
}

/** @param {any} event @param {() => void} close @param {() => void} done */
function partsOf(event, close, done) {
  const trouble = h("div", null);
  return [
    h(
      "p",
      { class: "meta" },
      stateBadge(event.outcome),
      h("span", null, event.vendor),
      h("span", null, kindOf(event)),
    ),
    event.reason && h("p", null, event.reason),
    h(
      "dl",
      { class: "facts" },
      fact("Received", moment(event.received_at)),
      fact("Happened", moment(event.occurred_at)),
      fact("Settled", moment(event.settled_at)),
      fact("About", aboutOf(event)),
      fact("Posted", event.deliveries > 1 ? `${event.deliveries} times` : ""),
      fact("Vendor's id", event.key),
    ),
    event.order_id && h("p", null, orderLink(event.order_id, "Go to its order", close)),
    event.outcome === "unmatched" && suggestionsOf(event, trouble, close, done),
    trouble,
    h("h3", null, "What it says"),
    event.body
      ? h(
          "pre",
          { class: "redacted", tabindex: 0, "aria-label": "Body, without what may name people" },
          JSON.stringify(event.body, null, 2),
        )
      : h("p", { class: "fine" }, "Nothing that can be shown."),
    h(
      "div",
      { class: "form-end" },
      event.replayable && may("orders:write") &&
        busyButton("Replay", () => replayEvent(event).then(done), trouble),
    ),
  ];
}

/** @param {string} term @param {string} value */
function fact(term, value) {
  if (!value) return null;
  return h("div", null, h("dt", null, term), h("dd", { class: "num" }, value));
}

/** A dialog would stay open over the next page. */
function orderLink(/** @type {string} */ id, /** @type {string} */ text, /** @type {() => void} */ close) {
  return h("a", { href: `/orders/${id}`, onclick: close }, text);
}

/**
 * @param {any} event @param {HTMLElement} trouble @param {() => void} close
 * @param {() => void} done
 */
function suggestionsOf(event, trouble, close, done) {
  return h(
    "div",
    { class: "suggestions" },
    h("h3", null, "It may be about"),
    event.suggestions.length === 0 && h("p", { class: "fine" }, "Nothing that looks like it."),
    h(
      "ul",
      { class: "suggestions" },
      event.suggestions.map((/** @type {any} */ one) => {
        const name = one.tracking_number
          ? `${one.order_number}, shipment ${one.tracking_number}`
          : `order ${one.order_number}`;
        return h(
          "li",
          null,
          h(
            "div",
            null,
            h("p", null, orderLink(one.order_id, name, close)),
            h("p", { class: "fine" }, one.why),
          ),
          one.match && may("orders:write") && event.replayable && busyButton(
            "Match",
            () => matchEvent(event, one).then(done),
            trouble,
            { about: name, primary: true },
          ),
        );
      }),
    ),
    may("orders:write") && event.replayable && anotherOrder(event, trouble, done),
  );
}
