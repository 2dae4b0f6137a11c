// Rosters: drop one in, see what it would do, apply it; and every import there was.

import { actsOf, maySend } from "../accounts/acts.js";
import { follow } from "../accounts/follow.js";
import { partsOfRun, showIssues, spoken } from "../accounts/run.js";
import { dropZone } from "../accounts/upload.js";
import { moment } from "../dates.js";
import { h, show } from "../dom.js";
import { Listing } from "../orders/listing.js";
import { busyButton, chooser, figure, stateBadge, tableOf, whose } from "../orders/parts.js";
import { problemBox } from "../problems.js";
import { whoami } from "../session.js";
import { sentence } from "../words.js";

const STATES = [
  "held", "applied", "previewed", "failed", "cancelled", "undone", "running", "queued",
];

/** @param {import("../router.js").Context} context @returns {import("../router.js").View} */
export function open({ query, signal }) {
  if (whoami()?.schools) return { node: ofSchools() };
  const listing = new Listing({
    page: "/accounts",
    source: "/v1/account-imports",
    filters: { state: query.get("state") ?? "", source: query.get("source") ?? "" },
    signal,
    noun: "import",
    draw: tableOfRuns,
    nothing: "No roster has come in yet.",
  });
  const bench = h("section", { class: "run", "aria-label": "This roster", hidden: true });
  const zone = maySend()
    ? dropZone(signal, (run) => begin(run, zone, bench, listing, signal))
    : null;
  void listing.read();
  return {
    node: h(
      "div",
      { class: "page accounts-page" },
      h(
        "div",
        null,
        h("h1", null, "Accounts"),
        h("p", { class: "lead" }, "Send the whole roster: only what changed is written."),
      ),
      zone?.node,
      bench,
      h(
        "section",
        { "aria-label": "Imports" },
        h("h2", null, "Imports"),
        h(
          "div",
          { class: "controls" },
          chooser(
            "import-state",
            "State",
            [["", "Any"], ...STATES.map((one) => /** @type {[string, string]} */ ([one, sentence(one)]))],
            listing.filters.state,
            (value) => listing.narrow("state", value),
          ),
        ),
        listing.nodes,
      ),
    ),
  };
}

/** A school's people have no rosters to send; their school's plan shows how far it is. */
function ofSchools() {
  return h(
    "div",
    { class: "page" },
    h("h1", null, "Accounts"),
    h("p", { class: "empty" }, "Rosters are the network's; a school's plan shows how far they are."),
  );
}

/**
 * Follow a run that was sent from here; one that was previewed can be applied with a press.
 * @param {any} begun @param {{apply: () => Promise<void>, trouble: HTMLElement}|null} zone
 * @param {HTMLElement} bench @param {Listing} listing @param {AbortSignal} signal
 */
function begin(begun, zone, bench, listing, signal) {
  const trouble = h("div", null);
  const head = h("div", { class: "run" });
  const said = h("p", { class: "sr", role: "status" });
  const issues = h("div", { class: "run" });
  bench.hidden = false;
  bench.dataset.run = begun.id;
  show(bench, h("h2", null, "This roster"), said, head, trouble, issues);
  const again = () => begin(begun, zone, bench, listing, signal);
  void follow(
    begun.id,
    signal,
    (run) => {
      // Another file was sent meanwhile.
      if (bench.dataset.run !== run.id) return;
      const apply = run.state === "previewed" && zone &&
        busyButton("Apply", zone.apply, trouble, { primary: true });
      show(head, ...partsOfRun(run, [apply, actsOf(run, trouble, again)], "h3"));
      said.textContent = spoken(run);
      void showIssues(run, issues, signal);
      void listing.read();
    },
    (error) => show(trouble, problemBox(error)),
  );
}

/** @param {any[]} runs */
function tableOfRuns(runs) {
  const columns = [
    { head: "Import" },
    { head: "State" },
    { head: "Created", number: true },
    { head: "Updated", number: true },
    { head: "Missing", number: true },
    { head: "Rejected", number: true },
  ];
  return tableOf("Imports", columns, runs.map((run) => ({ cells: cellsOf(run) })));
}

/** @param {any} run */
function cellsOf(run) {
  const { rows } = run;
  return [
    [
      h(
        "a",
        { class: "quiet", href: `/accounts/${run.id}`, dataset: { key: run.id } },
        moment(run.created_at),
      ),
      h(
        "span",
        { class: "fine clip" },
        [run.network, run.source, `by ${whose(run.actor)}`].filter(Boolean).join(", "),
      ),
    ],
    stateBadge(run.state),
    figure(rows.created),
    figure(rows.updated),
    figure(rows.missing),
    rows.rejected ? h("span", { class: "is-late" }, figure(rows.rejected)) : figure(0),
  ];
}
