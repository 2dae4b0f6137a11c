// One target's queue, row by row: who waits, who was given up and why, who differs there.

import { isAbort, read } from "../api.js";
import { maySend } from "../accounts/acts.js";
import { moment } from "../dates.js";
import { h, show } from "../dom.js";
import { Listing } from "../orders/listing.js";
import { busyButton, chooser, tableOf } from "../orders/parts.js";
import { problemBox } from "../problems.js";
import { keepFocus } from "../school/buttons.js";
import { retry } from "../targets/acts.js";
import { panelOf } from "../targets/panel.js";
import { errorWord } from "../targets/words.js";
import { sentence } from "../words.js";

/** @type {[string, string][]} */
const STATES = [
  ["", "Any"],
  ["dead", "Given up"],
  ["waiting", "Waiting"],
  ["drifted", "Differs"],
  ["settled", "Settled"],
];
const COLUMNS = [
  { head: "Student" },
  { head: "State" },
  { head: "To do" },
  { head: "There" },
  { head: "Why" },
];

/** @param {import("../router.js").Context} context @returns {import("../router.js").View} */
export function open({ params, query, signal, rename }) {
  const base = `/v1/targets/${params.target}`;
  const trouble = h("div", null);
  const head = h("div", null, h("p", { role: "status" }, "Reading the target."));
  const title = h("h1", null, "Target");
  /** @type {any} */
  let target = null;
  const listing = new Listing({
    page: `/targets/${params.target}`,
    source: `${base}/accounts`,
    filters: { state: query.get("state") ?? "" },
    signal,
    noun: "account",
    draw: (items) => tableOf("Accounts at the target", COLUMNS, items.map((one) => ({ cells: cellsOf(one) }))),
    nothing: "No account is meant for this target yet.",
  });
  void refresh();
  return {
    node: h(
      "div",
      { class: "page targets-page" },
      h(
        "div",
        { class: "order-head" },
        h("p", { class: "crumbs" }, h("a", { href: "/targets" }, "Targets")),
        title,
      ),
      head,
      h(
        "section",
        { "aria-label": "Accounts" },
        h("h2", null, "Accounts"),
        h(
          "div",
          { class: "controls" },
          chooser("row-state", "State", STATES, listing.filters.state, (value) => listing.narrow("state", value)),
        ),
        trouble,
        listing.nodes,
      ),
    ),
  };

  async function refresh() {
    try {
      const status = await read(`${base}/status`, signal);
      target = status.target;
      title.textContent = target.slug;
      rename(target.slug);
      keepFocus(head, () => show(head, panelOf(status, refresh, { alone: true })));
      await listing.read();
    } catch (error) {
      if (!isAbort(error)) show(head, problemBox(error, { retry: () => void refresh() }));
    }
  }

  /** @param {any} one */
  function cellsOf(one) {
    const again = async () => {
      if (await retry(target, [one.account_id])) await refresh();
    };
    return [
      [
        one.sourced_id ?? h("span", { class: "fine" }, "no account any more"),
        h("span", { class: "fine clip" }, one.school ?? one.account_id),
      ],
      sentence(one.state === "dead" ? "given up" : one.state),
      one.action ? sentence(one.action) : "–",
      [thereWord(one.observed), one.remote_name && h("span", { class: "fine clip" }, `as ${one.remote_name}`)],
      [
        whyOf(one),
        one.state === "dead" && maySend() &&
          busyButton("Retry", again, trouble, { about: one.sourced_id ?? one.account_id, key: one.account_id }),
      ],
    ];
  }
}

/** @param {string} observed */
function thereWord(observed) {
  return observed === "none" ? "Not there" : sentence(observed.replaceAll("_", " "));
}

/** @param {any} one */
function whyOf(one) {
  if (one.error) {
    const tries = one.attempts ? `, tried ${one.attempts === 1 ? "once" : `${one.attempts} times`}` : "";
    return h("span", { class: one.state === "dead" ? "is-late why" : "why" }, `${errorWord(one.error)}${tries}`);
  }
  if (one.drifted.length) return `${one.drifted.join(", ")} differ there`;
  if (one.next_try_at) return h("span", { class: "fine" }, `from ${moment(one.next_try_at)}`);
  return "–";
}
