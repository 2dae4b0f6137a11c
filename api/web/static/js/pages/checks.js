// Where every school stands with every check, narrowed by its address.

import { isAbort, readAll } from "../api.js";
import { matrixOf } from "../checks/matrix.js";
import { STANDINGS, standingIcon, standingWord, colourOf } from "../checks/words.js";
import { h, show } from "../dom.js";
import { onChange, soon } from "../live.js";
import { Listing } from "../orders/listing.js";
import { chooser } from "../orders/parts.js";
import { problemBox } from "../problems.js";

const QUIET = 2000;

/** `only` is the code of the one network that the reader sees. @typedef {{checks: any[], only: string}} Catalogue */

/** @param {import("../router.js").Context} context @returns {import("../router.js").View} */
export function open({ query, signal }) {
  /** @type {Catalogue} */
  const known = { checks: [], only: "" };
  const listing = new Listing({
    page: "/checks",
    source: "/v1/checks/matrix",
    filters: {
      q: query.get("q") ?? "",
      network: query.get("network") ?? "",
      verdict: query.get("verdict") ?? "",
      check: query.get("check") ?? "",
    },
    signal,
    noun: "school",
    draw: (rows) => matrixOf(rows, titlesOf(known.checks, known.only || listing.filters.network)),
    nothing: "No schools yet.",
  });
  const controls = h("div", { class: "controls" }, searchOf(listing), verdictOf(listing));
  onChange(soon(() => listing.read(), QUIET, signal), signal);
  void begin(controls, known, listing, signal);
  return {
    node: h(
      "div",
      { class: "page matrix-page" },
      h("h1", null, "Checks"),
      h("p", { class: "lead" }, "What was measured in each building, against what it needs today."),
      controls,
      h(
        "p",
        { class: "legend fine" },
        STANDINGS.map((verdict) => markOf(verdict)),
      ),
      listing.nodes,
    ),
  };
}

/** @param {string} verdict */
function markOf(verdict) {
  const one = /** @type {import("../checks/words.js").Standing} */ ({ verdict, severity: "gate" });
  return h(
    "span",
    { class: "legend-mark", dataset: { verdict: colourOf(one) } },
    standingIcon(one),
    standingWord(verdict),
  );
}

/**
 * What checks are called: as the network that is looked at calls them, else as everybody does. One
 * network's word for a shared check is no heading for the others.
 * @param {any[]} checks @param {string} network a code, or empty @returns {Map<string, string>} by slug
 */
function titlesOf(checks, network) {
  const rank = (/** @type {any} */ one) => (one.network === null ? 1 : one.network === network ? 2 : 0);
  return new Map([...checks].sort((a, b) => rank(a) - rank(b)).map((one) => [one.slug, one.title]));
}

/**
 * The rows' columns are named by the catalogue, so that is read first.
 * @param {HTMLElement} controls @param {Catalogue} known @param {Listing} listing
 * @param {AbortSignal} signal
 */
async function begin(controls, known, listing, signal) {
  try {
    const [checks, networks] = await Promise.all([
      readAll("/v1/checks?sort=title", signal),
      readAll("/v1/networks", signal),
    ]);
    known.checks = checks;
    known.only = networks.length === 1 ? networks[0].code : "";
    const named = [...titlesOf(checks, known.only || listing.filters.network)].sort((a, b) => a[1].localeCompare(b[1]));
    const owners = networks.map((one) => /** @type {[string, string]} */ ([one.code, one.name]));
    controls.append(
      chooser("check-check", "Check", [["", "All"], ...named], listing.filters.check, (value) =>
        listing.narrow("check", value)),
    );
    if (owners.length > 1) {
      controls.append(
        chooser("check-network", "Network", [["", "All"], ...owners], listing.filters.network, (value) =>
          listing.narrow("network", value)),
      );
    }
  } catch (error) {
    if (!isAbort(error)) show(listing.trouble, problemBox(error));
  }
  if (!signal.aborted) await listing.read();
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
    h("label", { for: "check-search" }, "Search"),
    h("input", {
      type: "search",
      id: "check-search",
      value: listing.filters.q,
      placeholder: "Name or code",
      autocomplete: "off",
      oninput,
    }),
  );
}

/** @param {Listing} listing */
function verdictOf(listing) {
  const choices = STANDINGS.map((one) => /** @type {[string, string]} */ ([one, standingWord(one)]));
  return chooser("check-verdict", "Stands", [["", "Any"], ...choices], listing.filters.verdict, (value) =>
    listing.narrow("verdict", value));
}
