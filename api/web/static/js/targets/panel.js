// One target: how full it is, what waits, what failed, what differs, and what can be done about it.

import { moment, plural } from "../dates.js";
import { h } from "../dom.js";
import { icon } from "../icons.js";
import { figure } from "../orders/parts.js";
import { sentence } from "../words.js";
import { actsFor } from "./acts.js";
import { handOffs } from "./hand-offs.js";
import { errorWord, queueWord, stateOf } from "./words.js";

/**
 * @param {any} status @param {() => Promise<void>} changed
 * @param {{alone?: boolean}} [options] `alone`: the page is headed by its name already
 * @returns {HTMLElement}
 */
export function panelOf(status, changed, { alone = false } = {}) {
  const { target } = status;
  const state = stateOf(status);
  const trouble = h("div", null);
  return h(
    "section",
    { class: "panel target", dataset: { target: target.slug }, "aria-label": `Target ${target.slug}` },
    h(
      "div",
      { class: "target-head" },
      alone
        ? h("h2", { class: "sr" }, "How it fares")
        : h("h2", null, h("a", { class: "quiet", href: `/targets/${target.id}` }, target.slug)),
      h("span", { class: "badge", dataset: { verdict: state.verdict } }, icon(state.icon), state.word),
    ),
    h(
      "p",
      { class: "meta" },
      h("span", { class: "code" }, target.network),
      h("span", null, target.kind === "scim" ? "SCIM 2.0" : "Files"),
      h("span", null, target.required ? "Required" : "Optional"),
      target.kind === "scim" && h("span", null, `At most ${figure(target.rate_per_minute)} a minute`),
      target.sends_passwords && h("span", null, "Sends initial passwords"),
    ),
    target.base_url && h("p", { class: "fine clip", title: target.base_url }, target.base_url),
    barOf(status),
    h("p", null, queueWord(status)),
    breakerOf(status.breaker),
    errorsOf(status),
    target.kind === "scim" && driftOf(status),
    actsFor(status, trouble, changed),
    trouble,
    target.kind === "csv" && handOffs(status, changed),
  );
}

/** @param {any} status */
function barOf({ target, accounts, waiting, dead, drifted }) {
  const there = (accounts.active ?? 0) + (accounts.suspended ?? 0);
  const all = Object.values(accounts).reduce((sum, count) => sum + count, 0);
  const facts = [
    fact("There", figure(there)),
    accounts.handed_off > 0 && fact("Handed off", figure(accounts.handed_off)),
    fact("Waiting", figure(waiting)),
    fact("Given up", figure(dead), dead > 0),
    target.kind === "scim" && fact("Differ", figure(drifted), drifted > 0),
  ];
  return [
    h("progress", {
      max: Math.max(1, all),
      value: there,
      "aria-label": `${figure(there)} of ${plural(all, "account")} there`,
    }),
    h("dl", { class: "counts" }, facts),
  ];
}

/** @param {string} term @param {string} value @param {boolean} [bad] */
function fact(term, value, bad = false) {
  return h("div", { class: bad ? "is-late" : null }, h("dt", null, term), h("dd", { class: "num" }, value));
}

/** @param {any} breaker */
function breakerOf(breaker) {
  if (breaker.state === "closed") return null;
  const why = breaker.error ? `: ${errorWord(breaker.error).toLowerCase()}` : "";
  const until = breaker.state === "open"
    ? `Left alone until ${moment(breaker.open_until)}${why}.`
    : "The target refuses our token. Give it a new one, or ask for a sync once it is let in again.";
  return h("p", { class: "notice" }, until);
}

/** Why accounts were given up or are tried again. @param {any} status */
function errorsOf({ target, errors }) {
  const found = Object.entries(errors).sort(([, a], [, b]) => b - a);
  if (!found.length) return null;
  return h(
    "ul",
    { class: "target-errors" },
    found.map(([code, count]) =>
      h(
        "li",
        null,
        h("span", { class: "num" }, figure(count)),
        h("a", { href: `/targets/${target.id}?state=dead` }, errorWord(code)),
      ),
    ),
  );
}

/** @param {any} status */
function driftOf({ drift }) {
  if (drift.asked) return h("p", { class: "fine" }, "It is about to be read back.");
  if (!drift.read_at) return h("p", { class: "fine" }, "Never read back.");
  const said = [
    drift.found ? `${figure(drift.found)} differed` : "nothing differed",
    drift.strangers > 0 && `${plural(drift.strangers, "account")} there that nobody here knows`,
    drift.clashes > 0 && `${figure(drift.clashes)} of them with a username of ours`,
  ];
  const found = said.filter(Boolean).join(", ");
  return h("p", { class: "fine" }, `Read back ${moment(drift.read_at)}: ${sentence(found).toLowerCase()}.`);
}
