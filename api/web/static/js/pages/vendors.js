// Who posts webhooks: how each one's events fare, its URL, its secrets.

import { isAbort, readAll } from "../api.js";
import { moment } from "../dates.js";
import { h, show } from "../dom.js";
import { busyButton, figure } from "../orders/parts.js";
import { addVendor, copyButton, rotate, schemeWord, testEvent } from "../orders/vendor-acts.js";
import { problemBox } from "../problems.js";
import { may } from "../session.js";
import { listed } from "../words.js";

/** @param {import("../router.js").Context} context @returns {import("../router.js").View} */
export function open({ signal }) {
  const trouble = h("div", null);
  const list = h("div", null, h("p", { role: "status" }, "Reading the vendors."));
  const refresh = async () => {
    try {
      const vendors = await readAll("/v1/vendors", signal);
      show(trouble);
      show(
        list,
        vendors.length
          ? h("div", { class: "vendors" }, vendors.map((one) => vendorOf(one, refresh)))
          : h("p", { class: "empty" }, "No vendors yet. Add the first, and hand it its URL and secret."),
      );
    } catch (error) {
      if (!isAbort(error)) show(trouble, problemBox(error, { retry: refresh }));
    }
  };
  const add = async () => {
    if (await addVendor()) await refresh();
  };
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

/** @param {any} vendor @param {() => Promise<void>} changed */
function vendorOf(vendor, changed) {
  const trouble = h("div", null);
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
    manages && h(
      "div",
      { class: "acts" },
      vendor.scheme !== "shipengine" && busyButton(
        "Test event",
        async () => {
          if (await testEvent(vendor)) await changed();
        },
        trouble,
        { about: vendor.name },
      ),
      vendor.scheme !== "shipengine" && busyButton(
        "Rotate secret",
        async () => {
          if (await rotate(vendor)) await changed();
        },
        trouble,
        { about: vendor.name },
      ),
    ),
    trouble,
  );
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
