// What vendors posted, what became of it, and what is still to be sorted out by a person.

import { isAbort, readAll } from "../api.js";
import { h, show } from "../dom.js";
import { onChange, onInbox, soon } from "../live.js";
import { replaySince } from "../orders/event-acts.js";
import { eventOf, openEvent } from "../orders/events.js";
import { Listing } from "../orders/listing.js";
import { chooser } from "../orders/parts.js";
import { problemBox } from "../problems.js";
import { may } from "../session.js";
import { sentence } from "../words.js";

const OUTCOMES = ["unmatched", "failed", "stored", "applied", "duplicate", "ignored"];
// What is matched or replayed, too, is applied from the inbox within this time.
const QUIET = 1500;

/** @param {import("../router.js").Context} context @returns {import("../router.js").View} */
export function open({ query, signal }) {
  const listing = new Listing({
    page: "/inbox",
    source: "/v1/webhook-events",
    filters: {
      q: query.get("q") ?? "",
      outcome: query.get("outcome") ?? "",
      vendor: query.get("vendor") ?? "",
    },
    signal,
    noun: "event",
    draw: (events) =>
      h("ol", { class: "event-list" }, events.map((one) => eventOf(one, (id) => openEvent(id, changed)))),
    nothing: "No vendor has posted anything yet.",
  });
  const again = soon(() => listing.read(), QUIET, signal);
  const changed = () => {
    void listing.read();
    again();
  };
  onChange(again, signal);
  onInbox(again, signal);
  void listing.read();
  return {
    node: h(
      "div",
      { class: "page" },
      h("h1", null, "Inbox"),
      h("p", { class: "lead" }, "Everything that vendors posted, kept until it is understood."),
      controlsOf(listing, signal, changed),
      listing.nodes,
    ),
  };
}

/** @param {Listing} listing @param {AbortSignal} signal @param {() => void} changed */
function controlsOf(listing, signal, changed) {
  const vendor = h("div", { class: "control" });
  const acts = h("div", { class: "control" });
  void offerVendors(vendor, acts, listing, signal, changed);
  return h(
    "div",
    { class: "controls" },
    searchOf(listing),
    chooser(
      "event-outcome",
      "Outcome",
      [["", "Any"], ...OUTCOMES.map((one) => /** @type {[string, string]} */ ([one, sentence(one)]))],
      listing.filters.outcome,
      (value) => listing.narrow("outcome", value),
    ),
    vendor,
    acts,
  );
}

/**
 * @param {HTMLElement} vendor @param {HTMLElement} acts @param {Listing} listing
 * @param {AbortSignal} signal @param {() => void} changed
 */
async function offerVendors(vendor, acts, listing, signal, changed) {
  try {
    const found = await readAll("/v1/vendors", signal);
    const names = found.map((one) => /** @type {[string, string]} */ ([one.slug, one.name]));
    vendor.replaceWith(
      chooser("event-vendor", "Vendor", [["", "Any"], ...names], listing.filters.vendor, (value) =>
        listing.narrow("vendor", value)),
    );
    const replay = async () => {
      if (await replaySince(names, listing.filters.vendor)) changed();
    };
    show(
      acts,
      may("orders:write") && names.length > 0 &&
        h("button", { type: "button", class: "button", onclick: replay }, "Replay all since"),
    );
  } catch (error) {
    if (!isAbort(error)) show(listing.trouble, problemBox(error));
  }
}

/** @param {Listing} listing */
function searchOf(listing) {
  const oninput = (/** @type {Event} */ event) => {
    const { value } = /** @type {HTMLInputElement} */ (event.target);
    listing.narrow("q", value.trim(), { typing: true });
  };
  return h(
    "div",
    { class: "control" },
    h("label", { for: "event-search" }, "Search"),
    h(
      "input",
      {
        type: "search",
        id: "event-search",
        value: listing.filters.q,
        placeholder: "Order or tracking",
        autocomplete: "off",
        oninput,
      },
    ),
  );
}
