// Who posts webhooks: how each one's events fare, its URL, its secrets.

import { isAbort, readAll } from "../api.js";
import { moment } from "../dates.js";
import { h, show } from "../dom.js";
import { onInbox, soon } from "../live.js";
import { busyButton, figure } from "../orders/parts.js";
import { leadTimes } from "../orders/lead-times.js";
import { copyButton, rotate, testEvent } from "../orders/vendor-acts.js";
import { addVendor, editVendor, schemeWord } from "../orders/vendor-form.js";
import { problemBox } from "../problems.js";
import { keepFocus } from "../school/buttons.js";
import { may } from "../session.js";
import { listed } from "../words.js";

// How events fare changes with each of them.
const QUIET = 3000;

/** @param {import("../router.js").Context} context @returns {import("../router.js").View} */
export function open({ signal }) {
  const trouble = h("div", null);
  const list = h("div", null, h("p", { role: "status" }, "Reading the vendors."));
  const refresh = async () => {
    try {
      const vendors = await readAll("/v1/vendors", signal);
      show(trouble);
      keepFocus(list, () => show(list, listOf(vendors, refresh)));
    } catch (error) {
      if (!isAbort(error)) show(trouble, problemBox(error, { retry: refresh }));
    }
  };
  const add = async () => {
    try {
      if (await addVendor()) await refresh();
    } catch (error) {
      show(trouble, problemBox(error));
    }
  };
  onInbox(soon(refresh, QUIET, signal), signal);
  void refresh();
  return {
    node: h(
      "div",
      { class: "page" },
      h("h1", null, "Vendors"),
      h("p", { class: "lead" }, "Each posts its signed events to a URL of its own."),
      may("vendors:manage") && h(
        "div",
        { class: "controls" },
        h("button", { type: "button", class: "button primary", onclick: add }, "Add a vendor"),
      ),
      trouble,
      list,
    ),
  };
}

/** @param {any[]} vendors @param {() => Promise<void>} changed */
function listOf(vendors, changed) {
  if (!vendors.length) {
    return h("p", { class: "empty" }, "No vendors yet. Add the first, and hand it its URL and secret.");
  }
  return h("div", { class: "vendors" }, vendors.map((one) => vendorOf(one, changed)));
}

/** @param {any} vendor @param {() => Promise<void>} changed */
function vendorOf(vendor, changed) {
  const manages = vendor.health !== null;
  const kind = vendor.kind === "tracker" ? `Tracks ${listed(vendor.tracks) || "nobody yet"}` : "Sells";
  return h(
    "section",
    { class: "panel vendor", dataset: { vendor: vendor.slug } },
    h("h2", null, vendor.name),
    h(
      "p",
      { class: "meta" },
      h("span", { class: "code" }, vendor.slug),
      h("span", null, kind),
      h("span", null, `Signs as ${schemeWord(vendor.scheme)}`),
      h("a", { href: `/inbox?vendor=${vendor.slug}` }, "Its events"),
    ),
    h(
      "p",
      { class: "copy" },
      h("code", null, vendor.url),
      copyButton(vendor.url, `the URL of ${vendor.name}`),
    ),
    manages && healthOf(vendor),
    ...actsFor(vendor, manages, changed),
  );
}

/**
 * @param {any} vendor @param {boolean} manages @param {() => Promise<void>} changed
 * @returns {HTMLElement[]}
 */
function actsFor(vendor, manages, changed) {
  const trouble = h("div", null);
  const ours = manages && vendor.scheme !== "shipengine";
  /** @type {[boolean, string, () => Promise<unknown>][]} */
  const acts = [
    [manages, "Edit", () => editVendor(vendor)],
    [ours, "Rotate secret", () => rotate(vendor)],
    [ours, "Test event", () => testEvent(vendor)],
    [vendor.kind === "seller", "Lead times", () => leadTimes(vendor, manages)],
  ];
  const button = (/** @type {string} */ label, /** @type {() => Promise<unknown>} */ run) =>
    busyButton(
      label,
      async () => {
        if (await run()) await changed();
      },
      trouble,
      { about: vendor.name, key: `${label}:${vendor.slug}` },
    );
  const offered = acts.filter(([is]) => is).map(([, label, run]) => button(label, run));
  return [h("div", { class: "acts" }, offered), trouble];
}

/** @param {any} vendor */
function healthOf({ health, secrets }) {
  const delay = health.median_delay_seconds;
  const live = secrets ?? [];
  const retiring = live.find((/** @type {any} */ one) => one.retires_at);
  return h(
    "dl",
    { class: "facts" },
    fact("Last event", moment(health.last_event_at) || "Never"),
    fact("Failures in 24 h", figure(health.failures), health.failures > 0),
    fact("Unmatched in 24 h", figure(health.outcomes.unmatched ?? 0)),
    fact("Repeats in 24 h", figure(health.repeats)),
    fact("Median delay", delay === null ? "–" : `${delay.toFixed(delay < 10 ? 1 : 0)} s`),
    fact("Live secrets", figure(live.length)),
    retiring && fact("Old secret ends", moment(retiring.retires_at)),
  );
}

/** @param {string} term @param {string} value @param {boolean} [bad] */
function fact(term, value, bad = false) {
  return h("div", null, h("dt", null, term), h("dd", { class: bad ? "num is-late" : "num" }, value));
}
