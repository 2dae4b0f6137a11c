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

/** @param {import("../router.js").Context} context @returns {import("../router.js").View} */
export function open({ query, signal }) {
  /** @type {Map<string, string>} */
  const titles = new Map();
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
    draw: (rows) => matrixOf(rows, titles),
    nothing: "No schools yet.",
  });
  const controls = h("div", { class: "controls" }, searchOf(listing), verdictOf(listing));
  onChange(soon(() => listing.read(), QUIET, signal), signal);
  void begin(controls, titles, listing, signal);
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
 * The rows' columns are named by the catalogue, so that is read first.
 * @param {HTMLElement} controls @param {Map<string, string>} titles @param {Listing} listing
 * @param {AbortSignal} signal
 */
async function begin(controls, titles, listing, signal) {
  try {
    const [checks, networks] = await Promise.all([
      readAll("/v1/checks?sort=title", signal),
      readAll("/v1/networks", signal),
    ]);
    for (const check of checks) titles.set(check.slug, check.title);
    const named = [...titles].map(([slug, title]) => /** @type {[string, string]} */ ([slug, title]));
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
